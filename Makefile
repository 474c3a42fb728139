# Parley. `make` builds, `make run` shows it at work, `make test` tests it all.
#
#   make                the modules build/dialog.so, build/ims_dialog.so and
#                       build/dialog_ng.so, and the engine build/libparley.a
#   make run            a proxy, sample calls and a live view; LISTEN=address
#                       lets phones on the network in, RUN_SECONDS=n ends it
#   make test           style, compilers, unit, sim, fuzz, tools, e2e, each of
#                       which can be made alone, and their sum
#   make bench          Parley beside the packaged modules
#   make crash          kills the proxy at any moment under load, 240 times
#   make mutants        plants faults and sees that the tests find them
#   make deps           installs what `make run` and `make test` need, no more
#   make install        DESTDIR= and MODDIR= as usual; make uninstall
#
# Variables: BUILD=folder, CC=compiler, CFLAGS="-O2 -g", KAMAILIO=binary,
# KAMAILIO_SRC=unpacked source of Kamailio (else fetched from Debian).

BUILD ?= build
# Debian's users have no PATH to the servers. What make itself calls is looked
# up here, because make 4.3 does not give it the PATH that recipes get.
export PATH := $(PATH):/usr/sbin
ifndef KAMAILIO
KAMAILIO := $(or $(shell PATH='$(PATH)' command -v kamailio),kamailio)
endif
PYTHON ?= /usr/bin/python3
CLANG ?= clang
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
FORCE:
.PHONY: FORCE all deps test-deps clean

include mk/build.mk
include mk/kamailio.mk
include mk/install.mk
include mk/tests.mk

all: $(BUILD)/libparley.a modules

# Kamailio's headers stay: they need a network and do not change.
clean:
	[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name 'kamailio-src-*' \
		-exec rm -rf {} +
