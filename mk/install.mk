# make install: a folder of our own beside the packaged modules.

# $(call packaged_modules): where the installed Kamailio looks for modules.
packaged_modules = $(firstword $(subst :, ,$(shell $(KAMAILIO) -I \
	2>/dev/null | sed -n 's/^ *Default paths to modules: //p')))
MODDIR ?= $(patsubst %/,%,$(dir $(packaged_modules)))/parley

SQL_FILES := $(sort $(wildcard hosts/kamailio/sql/*/*))

.PHONY: install uninstall
install: all
	@DESTDIR='$(DESTDIR)' tools/install.sh install '$(MODDIR)' \
		$(MODULES) include/parley_api.h $(SQL_FILES) \
		tools/parley-journal

uninstall:
	@DESTDIR='$(DESTDIR)' tools/install.sh uninstall '$(MODDIR)'
