# The engine: src/*.c, compiled once for each purpose.

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
ENGINE_FLAGS := -std=c17 $(WARNINGS) -Iinclude -Isrc
SHARED_FLAGS := -fPIC -fvisibility=hidden

ENGINE_SOURCES := $(sort $(wildcard src/*.c))
ENGINE_NAMES := $(ENGINE_SOURCES:src/%.c=%.o)

SANITIZE := -fno-omit-frame-pointer -fno-sanitize-recover=all
# The address and undefined-behaviour sanitizers, and the one for threads.
ASAN := -O1 -g $(SANITIZE) -fsanitize=address,undefined
TSAN := -O1 -g $(SANITIZE) -fsanitize=thread

# $(call variant,name,compiler,flags): objects go to $(BUILD)/name/, and are
# made again when compiler or flags change. `name` is where others find them.
define variant
$(1).CC := $(2)
$(1).FLAGS := $(3)
$(BUILD)/$(1)/flags: FORCE
	@command -v $(firstword $(2)) >/dev/null || { echo "parley:" \
		"$(firstword $(2)) is not installed: make deps" >&2; exit 1; }
	@mkdir -p $$(@D)
	@echo '$(2) $(3)' | cmp -s - $$@ || echo '$(2) $(3)' >$$@

$(BUILD)/$(1)/src/%.o: src/%.c $(BUILD)/$(1)/flags
	@mkdir -p $$(@D)
	$(2) $(ENGINE_FLAGS) $(3) -MMD -MP -c -o $$@ $$<
endef

# Assertions are for tests; a proxy must not stop for a broken dialog.
$(eval $(call variant,obj,$(CC),$(CFLAGS) $(SHARED_FLAGS) -DNDEBUG))
$(eval $(call variant,plain,$(CC),-O1 -g))
$(eval $(call variant,asan,$(CLANG),$(ASAN)))
$(eval $(call variant,tsan,$(CLANG),$(TSAN)))
$(eval $(call variant,fuzz,$(CLANG),$(ASAN) -fsanitize=fuzzer-no-link))

-include $(wildcard $(BUILD)/*/src/*.d $(BUILD)/*/tests/*.d \
	$(BUILD)/*/hosts/*.d $(BUILD)/*/hosts/*/*.d)

ENGINE_OBJECTS := $(ENGINE_NAMES:%=$(BUILD)/obj/src/%)

$(BUILD)/libparley.a: $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^
