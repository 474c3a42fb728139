# The test levels. Each target prints result lines (tools/report.py).

LEVELS := style compilers unit sim fuzz tools e2e list
FUZZ_SECONDS ?= 60
FUZZ_RUNS ?= 1000000
JOBS := $(shell nproc)
QUIET_MAKE = $(MAKE) --no-print-directory -s -j$(JOBS)

TEST_FLAGS := $(ENGINE_FLAGS) -Itests $(HOST_INCLUDES) -Itests/fuzz

.PHONY: test run bench crash mutants list-names list-slice list-check $(LEVELS)

deps:
	@tools/deps.sh run test

test-deps:
	@tools/deps.sh test

test:
	@tools/deps.sh test
	@$(PYTHON) tools/test.py $(BUILD) $(LEVELS)

run:
	@tools/deps.sh run
	@$(QUIET_MAKE) all
	@$(PYTHON) tools/run.py --build $(BUILD) $(LISTEN:%=--listen %) \
		$(RUN_SECONDS:%=--seconds %)

# $(call test_objects,variant,folder): how test code is compiled.
define test_objects
$(BUILD)/$(1)/tests/$(2)_%.o: tests/$(2)/%.c $(BUILD)/$(1)/flags
	@mkdir -p $$(@D)
	$($(1).CC) $(TEST_FLAGS) -Itests/$(2) $($(1).FLAGS) -MMD -MP -c -o $$@ $$<
endef

# ---------------------------------------------------------------- style

style:
	@$(PYTHON) tools/check.py; a=$$?; \
	$(QUIET_MAKE) $(BUILD)/kamailio.flags $(KAMAILIO_HEADER) && \
	$(PYTHON) tools/style.py $(BUILD) $(KAMAILIO_SRC); b=$$?; \
	exit $$((a + b))

# ------------------------------------------------------------ compilers

# Both compilers build all of it without a warning; -Werror is always on.
compilers:
	@$(PYTHON) tools/compilers.py $(BUILD) gcc $(CLANG)

# ----------------------------------------------------------------- unit

# A unit test is tests/unit/test_*.c. It says which objects of the engine it is
# linked with, which keeps the parts separable: /* objects: mem.o index.o */
# "all" stands for the whole engine and tests/unit/call.c; an object may be one
# of tests/unit or tests/fuzz, or one of hosts/kamailio that includes nothing of
# Kamailio: hosts/header_lines.o. tests/unit/support*.c is linked with every test.
# One that says "threads" is run under the thread sanitizer too.
UNIT_NAMES := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_SUPPORT := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/support*.c)))
UNIT_THREADED := $(patsubst tests/unit/%.c,%,$(if $(UNIT_NAMES),$(shell \
	grep -l '^/\* threads \*/' $(UNIT_NAMES:%=tests/unit/%.c))))

words_of = $(shell awk '/\/\* objects:/ { on = 1 } \
	on { print } on && /\*\// { exit }' $(1))
unit_words = $(call words_of,tests/unit/$(1).c)
unit_named = $(filter %.o,$(1)) $(if $(filter all,$(1)),$(ENGINE_NAMES) call.o)
# $(call unit_objects,names,variant): where each of them is made.
unit_objects = $(foreach object,$(1),$(BUILD)/$(2)/$(if \
	$(filter hosts/%,$(object)),,$(if \
	$(wildcard tests/unit/$(object:.o=.c)),tests/unit_,$(if \
	$(wildcard tests/fuzz/$(object:.o=.c)),tests/fuzz_,src/)))$(object))

# Parts of the adapter that know nothing of Kamailio can be tested like the
# engine, as hosts/name.o or hosts/db/name.o; tests/fuzz/core stands for the little that they need
# of its headers.
define pure_host_objects
$(BUILD)/$(1)/hosts/%.o: hosts/kamailio/%.c $(BUILD)/$(1)/flags
	@mkdir -p $$(@D)
	$($(1).CC) $(TEST_FLAGS) $($(1).FLAGS) -MMD -MP -c -o $$@ $$<
endef
$(foreach variant,plain asan tsan fuzz,\
	$(eval $(call pure_host_objects,$(variant))))

# $(call unit_test,name,variant)
define unit_test
$(BUILD)/$(2)/unit/$(1): $(BUILD)/$(2)/tests/unit_$(1).o \
		$(UNIT_SUPPORT:%=$(BUILD)/$(2)/tests/unit_%.o) \
		$(call unit_objects,$(call unit_named,$(call unit_words,$(1))),$(2))
	@mkdir -p $$(@D)
	$($(2).CC) $($(2).FLAGS) -o $$@ $$^ -lcmocka -lpthread
UNIT_PROGRAMS += $(BUILD)/$(2)/unit/$(1)
endef

UNIT_PROGRAMS :=
$(foreach variant,plain asan tsan,$(eval $(call test_objects,$(variant),unit)))
$(foreach variant,plain asan,$(eval $(call test_objects,$(variant),fuzz)))
$(foreach variant,plain asan,$(foreach name,$(UNIT_NAMES),\
	$(eval $(call unit_test,$(name),$(variant)))))
$(foreach name,$(UNIT_THREADED),$(eval $(call unit_test,$(name),tsan)))

.PHONY: unit-programs
.SECONDARY:
unit-programs: $(UNIT_PROGRAMS)

unit:
	@$(QUIET_MAKE) -k unit-programs; a=$$?; \
	$(PYTHON) tools/unit.py $(UNIT_PROGRAMS); exit $$((a + $$?))

# ------------------------------------------------------------------ sim

# The simulator is one program from all of tests/sim/*.c. SEED=n replays one;
# SEEDS=n plays so many; as it is, it takes a minute.
SIM_NAMES := $(sort $(patsubst tests/sim/%.c,%,$(wildcard tests/sim/*.c)))
SIM_PROGRAM := $(BUILD)/asan/sim

$(eval $(call test_objects,asan,sim))
$(SIM_PROGRAM): $(SIM_NAMES:%=$(BUILD)/asan/tests/sim_%.o) \
		$(ENGINE_NAMES:%=$(BUILD)/asan/src/%)
	$(asan.CC) $(asan.FLAGS) -o $@ $^ -lpthread

# Nodes that replicate: tests/cluster/*.c, with parts of the simulator and what
# the adapter's replication has that knows no server. CLUSTER_SEED=n
# replays one; SEEDS=n plays so many of them as well.
CLUSTER_NAMES := $(sort $(patsubst tests/cluster/%.c,%,$(wildcard tests/cluster/*.c)))
CLUSTER_SHARED := crash host seeds trail
CLUSTER_PROGRAM := $(BUILD)/asan/cluster

$(BUILD)/asan/tests/cluster_%.o: tests/cluster/%.c $(BUILD)/asan/flags
	@mkdir -p $(@D)
	$(asan.CC) -Itests/cluster -Itests/sim $(TEST_FLAGS) \
		$(asan.FLAGS) -MMD -MP -c -o $@ $<
$(CLUSTER_PROGRAM): $(CLUSTER_NAMES:%=$(BUILD)/asan/tests/cluster_%.o) \
		$(CLUSTER_SHARED:%=$(BUILD)/asan/tests/sim_%.o) \
		$(BUILD)/asan/tests/fuzz_json.o $(BUILD)/asan/hosts/dmq/dmq_rules.o \
		$(ENGINE_NAMES:%=$(BUILD)/asan/src/%)
	$(asan.CC) $(asan.FLAGS) -o $@ $^

sim:
	@$(QUIET_MAKE) $(SIM_PROGRAM) $(CLUSTER_PROGRAM)
	@$(if $(CLUSTER_SEED),:,$(SIM_PROGRAM) $(SIM_ARGS) \
		$(SEEDS:%=--seeds %) $(SEED)); a=$$?; \
	$(if $(SEED),:,$(CLUSTER_PROGRAM) $(SEEDS:%=--seeds %) \
		$(CLUSTER_SEED)); exit $$((a + $$?))

# ----------------------------------------------------------------- fuzz

# A fuzzer is tests/fuzz/fuzz_*.c; other files there are shared by all. It is
# linked with the engine, and with parts of the adapter as a unit test is.
FUZZ_NAMES := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SUPPORT := $(filter-out $(FUZZ_NAMES),\
	$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)

$(eval $(call test_objects,fuzz,fuzz))
$(eval $(call test_objects,fuzz,unit))
fuzz_words = $(call words_of,tests/fuzz/$(1).c)

# $(call fuzz_test,name)
define fuzz_test
$(BUILD)/fuzz/$(1): $(BUILD)/fuzz/tests/fuzz_$(1).o \
		$(FUZZ_SUPPORT:%=$(BUILD)/fuzz/tests/fuzz_%.o) \
		$(call unit_objects,$(filter %.o,$(call fuzz_words,$(1))),fuzz) \
		$(ENGINE_NAMES:%=$(BUILD)/fuzz/src/%)
	$(fuzz.CC) $(fuzz.FLAGS) -fsanitize=fuzzer -o $$@ $$^
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzz_test,$(name))))

fuzz:
	@$(QUIET_MAKE) $(FUZZ_PROGRAMS)
	@$(PYTHON) tools/fuzz.py $(FUZZ_SECONDS) $(FUZZ_RUNS) $(FUZZ_PROGRAMS)

# -------------------------------------- tools, end to end, bench, mutants

# $(call script,file,arguments): runs it on a finished build.
script = $(QUIET_MAKE) all && \
	PARLEY_BUILD=$(abspath $(BUILD)) $(PYTHON) $(1) $(2)

# Our own tools, `make deps`, `make install` and `make run`.
tools:
	@$(call script,tests/tools/run.py)

e2e:
	@$(call script,tests/e2e/run.py,$(E2E_ARGS))

# Modules of our own for the end-to-end tests, which build them when they want
# one (tests/e2e/lib/modules.py).
$(BUILD)/e2e/%.so: tests/e2e/modules/%.c include/parley_api.h \
		$(wildcard tests/e2e/modules/*.h) \
		$(BUILD)/kamailio.flags \
		| $(KAMAILIO_HEADER)
	@mkdir -p $(@D)
	$(obj.CC) $(HOST_FLAGS) -O1 -g -fPIC -shared -o $@ $<

# Every documented name is offered (tests/list). The probe is a module that
# tells what another one exports.
LIST_PROBE := $(BUILD)/list/probe.so

$(LIST_PROBE): tests/list/probe.c include/parley_api.h $(BUILD)/obj/flags \
		$(BUILD)/kamailio.flags | $(KAMAILIO_HEADER)
	@mkdir -p $(@D)
	$(obj.CC) $(HOST_FLAGS) $(obj.FLAGS) -fvisibility=default -shared \
		-o $@ $<

list: list-names list-slice

list-names:
	@$(QUIET_MAKE) all $(LIST_PROBE) && \
	PARLEY_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/list/run.py \
		$(BUILD) $(LIST_PROBE)

# Takes exports out, one at a time, and sees that the tests notice: a few of
# them, or all.
list-slice:
	@$(PYTHON) tests/list/check.py --slice

list-check:
	@tools/deps.sh test
	@$(PYTHON) tests/list/check.py $(LIST_ARGS)

bench:
	@tools/deps.sh bench
	@$(call script,bench/run.py,$(BENCH_ARGS))

# kill -9 of all processes, 240 times (tests/e2e/cases/db_crash.py).
crash: export CRASHES ?= 40
crash:
	@tools/deps.sh test
	@$(call script,tests/e2e/run.py,--jobs 1 db_crash)

mutants:
	@tools/deps.sh test
	@$(call script,tests/mutants/run.py,$(MUTANT_ARGS))
