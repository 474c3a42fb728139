# The adapter for Kamailio: hosts/kamailio/, on top of the engine. Its folders
# are for readers; all headers are found by their names alone.

HOST_SOURCES := $(sort $(wildcard hosts/kamailio/*.c hosts/kamailio/*/*.c))
HOST_INCLUDES := $(patsubst %/,-I%,$(sort $(dir $(HOST_SOURCES))))
HOST_OBJECTS := $(HOST_SOURCES:hosts/kamailio/%.c=$(BUILD)/obj/hosts/%.o)
MODULE_NAMES := dialog ims_dialog dialog_ng
MODULES := $(MODULE_NAMES:%=$(BUILD)/%.so)

KAMAILIO_VERSION := $(shell $(KAMAILIO) -v 2>/dev/null | \
	sed -n 's/^version: kamailio \([^ ]*\) .*/\1/p')
# The default is shared by all BUILD folders.
KAMAILIO_SRC ?= build/kamailio-src-$(KAMAILIO_VERSION)
KAMAILIO_HEADER := $(KAMAILIO_SRC)/src/core/sr_module.h

HOST_FLAGS = -std=gnu17 $(WARNINGS) -Iinclude $(HOST_INCLUDES) \
	@$(BUILD)/kamailio.flags -isystem $(KAMAILIO_SRC)/src

# For tests that compile against the same headers.
.PHONY: print-kamailio-src
print-kamailio-src:
	@echo '$(KAMAILIO_SRC)'

.PHONY: modules
modules: $(MODULES)

$(BUILD)/kamailio.flags: FORCE
	@mkdir -p $(@D)
	@tools/kamailio-flags.sh $(KAMAILIO) >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

ifeq ($(KAMAILIO_SRC),build/kamailio-src-$(KAMAILIO_VERSION))
$(KAMAILIO_HEADER): | $(BUILD)/kamailio.flags
	@tools/headers.sh $(KAMAILIO_VERSION) $(KAMAILIO_SRC)
else
$(KAMAILIO_HEADER):
	@echo "parley: KAMAILIO_SRC=$(KAMAILIO_SRC) holds no" \
		"src/core/sr_module.h" >&2; exit 1
endif

$(BUILD)/obj/hosts/%.o: hosts/kamailio/%.c $(BUILD)/obj/flags \
		$(BUILD)/kamailio.flags | $(KAMAILIO_HEADER)
	@mkdir -p $(@D)
	$(obj.CC) $(HOST_FLAGS) $(obj.FLAGS) -MMD -MP -c -o $@ $<

# Kamailio looks for the symbol _<file name>_exports, so one code base serves
# all three names; but they must be three files, for one file under two names
# is loaded once. A new inode each time leaves a running server undisturbed.
# Kamailio's database layer is a library of its own, beside the modules.
KAMAILIO_LIBRARIES = $(patsubst %/,%,$(dir $(patsubst %/,%,$(packaged_modules))))

$(BUILD)/obj/parley.so: $(ENGINE_OBJECTS) $(HOST_OBJECTS)
	$(obj.CC) -shared $(obj.FLAGS) -Wl,-z,relro,-z,now -o $@ $^ \
		$(KAMAILIO_LIBRARIES)/libsrdb1.so.1 \
		-Wl,-rpath,$(KAMAILIO_LIBRARIES)

$(MODULES): $(BUILD)/obj/parley.so
	cp $< $@.new && mv $@.new $@
