# SPDX-License-Identifier: Apache-2.0
# Bulkhead. `make help` lists what this file can do.

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
NASM ?= nasm
IASL ?= iasl
IOMMU ?= amd
N ?= 5
SEED ?= 1
COUNT ?= 1000000
FROM ?= 0
RESTARTS ?= 500
KILLS ?= 50

TOOLS := tools/build

# A line a file; V=1 shows the commands.
ifneq ($(V),1)
Q := @
say = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,printf '  %-5s %s\n' $(1) $(2))
endif

.PHONY: all image command deps guest lister demo run check check-groups check-guests esp hardware-test size fuzz help \
	fuzz-guest endurance unit mutants unit-programs fuzzers bench bench-groups instrument format format-check tidy clean
.DELETE_ON_ERROR:

all: image command
image: $(BUILD)/bulkhead.efi

help:
	@echo 'make          build/bulkhead.efi and the host command build/bulkhead (CC=gcc or clang)'
	@echo 'make deps     installs what building and testing need'
	@echo 'make run      builds and boots the demonstration (IOMMU=amd or intel)'
	@echo 'make check    everything that can be tested; ends with the sums; FUZZ_SECONDS=N as below'
	@echo 'make check-groups N=200 SEED=1: groups of random machines against those that Linux forms'
	@echo 'make check-guests  Debian kernels from 6.1 to the newest as guests; docs/guests.md'
	@echo 'make fuzz-guest SEED=1 COUNT=1000000 [IOMMU=intel]: a guest of random instructions beside a victim'
	@echo 'make endurance RESTARTS=500 KILLS=50 SEED=1 [IOMMU=intel]: restarts and kills beside a partition that streams'
	@echo 'make esp      CONF=FILE FILES="A B" OUT=disk.img: a bootable FAT image; NAME=PATH renames a file; no CONF: for a survey'
	@echo 'make hardware-test OUT=stick.img: a USB image that tests a real machine and keeps a report'
	@echo 'make guest    the demonstration guest: build/guest/initrd.img, build/kernel/vmlinuz'
	@echo 'make unit     unit tests alone;  make fuzz FUZZ_SECONDS=N: N seconds a fuzz target'
	@echo 'make mutants  breaks of the IOMMU drivers, and which test notices each (WRITE=--write: into docs/iommu.md)'
	@echo 'make bench    benchmarks: docs/benchmarks.md (BENCH="linux bulkhead" WORK=hash,read1 REPEAT=3)'
	@echo 'make bench-groups  time and memory of deriving groups, by the number of functions'
	@echo 'make size     lines of code by folder against the budget'
	@echo 'make format   clang-format on every source file;  make tidy: clang-tidy'

deps:
	@$(TOOLS)/deps.sh build

# ---- compiler flags -------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
INCLUDES := -Iinclude -I$(BUILD)/gen
cc-option = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null 2>/dev/null && echo $(1))

# Indirect branches of the image follow no prediction: what a guest has taught the processor leads nowhere.
RETPOLINES := $(call cc-option,-mindirect-branch=thunk-inline) $(call cc-option,-mindirect-branch-register) \
	$(call cc-option,-mretpoline)

IMAGE_CFLAGS := -std=gnu11 -ffreestanding -O2 -g $(WARNINGS) $(INCLUDES) -m64 -mno-red-zone \
	-mgeneral-regs-only -fpie -fvisibility=hidden -fno-common -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-strict-aliasing \
	-fcf-protection=none -ffunction-sections -fdata-sections \
	$(RETPOLINES)
# gnu-efi's headers are for the room that talks to firmware, and for nobody else.
EFI_CFLAGS := -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI -fshort-wchar
# memcpy() and friends must not be compiled into calls of themselves.
LIB_CFLAGS = $(call cc-option,-fno-tree-loop-distribute-patterns)
HOST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) $(INCLUDES)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# ---- the image ------------------------------------------------------------------------------------

IMAGE_DIRS := boot arch/x86 arch/x86/svm arch/x86/vmx pci iommu vmm lib
IMAGE_SRC := $(sort $(wildcard $(addsuffix /*.c,$(IMAGE_DIRS))))
IMAGE_ASM := $(sort $(wildcard $(addsuffix /*.asm,boot arch/x86 arch/x86/svm arch/x86/vmx)))
IMAGE_OBJ := $(IMAGE_SRC:%.c=$(BUILD)/obj/%.o) $(IMAGE_ASM:%.asm=$(BUILD)/obj/%.asm.o)
IMAGE_SECTIONS := .text .rodata .rela .relro .dynamic .data .reloc

EFI_LIB_DIRS := /usr/lib /usr/lib/x86_64-linux-gnu /usr/lib/gnuefi
EFI_CRT0 := $(firstword $(wildcard $(addsuffix /crt0-efi-x86_64.o,$(EFI_LIB_DIRS))) crt0-efi-x86_64.o)
EFI_LIB := $(firstword $(wildcard $(addsuffix /libgnuefi.a,$(EFI_LIB_DIRS))) libgnuefi.a)

IMAGE_LD := ld -nostdlib -pie --no-dynamic-linker -Bsymbolic --no-undefined -z text -z norelro -z noexecstack \
	--gc-sections --build-id=none -T linker.ld

# A guest's firmware tables: ACPI source becomes a header with their bytes.
GUEST_TABLES := $(wildcard vmm/tables/*.asl)
GUEST_ACPI_BASE = $(shell sed -n 's/^\#define GUEST_ACPI_BASE \(0x[0-9a-f]*\).*/\1/p' include/guest.h)

$(BUILD)/gen/guest_tables.h: $(GUEST_TABLES) include/guest.h $(TOOLS)/make-acpi.py
	$(call say,IASL,vmm/tables)
	$(Q)$(TOOLS)/make-acpi.py $(IASL) $(GUEST_ACPI_BASE) $(BUILD)/gen/tables $@ $(GUEST_TABLES)

# What devices do without saying so: rows of text become rows of a table.
$(BUILD)/gen/quirk_names.h $(BUILD)/gen/quirk_rows.h &: pci/quirks.txt $(TOOLS)/make-quirks.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-quirks.py $< $(BUILD)/gen/quirk_names.h $(BUILD)/gen/quirk_rows.h

# What a guest is told of its processor, and which registers of it are its own.
$(BUILD)/gen/guest_%_rows.h: arch/x86/guest_%.txt $(TOOLS)/make-policy.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-policy.py $* $< $@

# Instructions that are carried out for guests, and what devices are called.
$(BUILD)/gen/%.h: vmm/%.txt $(TOOLS)/make-rows.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-rows.py $< $@

# What manuals define: numbers, bits, structures.
DEFINITIONS := pci/registers.txt:pci_registers iommu/registers.txt:iommu_registers arch/x86/registers.txt:x86_registers include/acpi_tables.txt:acpi_tables \
	arch/x86/svm/vmcb.txt:vmcb arch/x86/vmx/vmcs.txt:vmcs_fields vmm/boot_protocols.txt:boot_protocols vmm/devices.txt:device_registers
define definition
$(BUILD)/gen/$(2).h: $(1) $(TOOLS)/make-registers.py
	$$(call say,TABLE,$$<)
	$$(Q)$(TOOLS)/make-registers.py $$< $$@
endef
$(foreach d,$(DEFINITIONS),$(eval $(call definition,$(firstword $(subst :, ,$(d))),$(lastword $(subst :, ,$(d))))))

# What units and rules say, in words.
$(BUILD)/gen/reasons.h: pci/reasons.txt $(TOOLS)/make-words.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-words.py $< $@ GROUP

$(BUILD)/gen/%.h: iommu/%.txt $(TOOLS)/make-words.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-words.py $< $@

# What is said of a breach of the file's rules.
$(BUILD)/gen/config_rules.h: vmm/rules.txt $(TOOLS)/make-rules.py
	$(call say,TABLE,$<)
	$(Q)$(TOOLS)/make-rules.py $< $@

GENERATED := $(addprefix $(BUILD)/gen/,guest_tables.h guest_cpuid_rows.h guest_msr_rows.h config_rules.h quirk_names.h quirk_rows.h \
	reasons.h vtd_faults.h amdvi_events.h instructions.h kinds.h font.h \
	$(foreach d,$(DEFINITIONS),$(lastword $(subst :, ,$(d))).h))

$(BUILD)/obj/lib/%.o: EXTRA_CFLAGS = $(LIB_CFLAGS)
$(BUILD)/obj/boot/%.o: EXTRA_CFLAGS = $(EFI_CFLAGS)

$(BUILD)/obj/%.o: %.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(IMAGE_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.asm.o: %.asm
	@mkdir -p $(@D)
	$(call say,NASM,$<)
	$(Q)$(NASM) -f elf64 -g -F dwarf -Werror -Iinclude/ -I$(<D)/ -MD $(@:.o=.d) -MP -o $@ $<

$(BUILD)/bulkhead.elf: $(IMAGE_OBJ) linker.ld
	$(call say,LD,$@)
	$(Q)$(IMAGE_LD) -o $@ $(EFI_CRT0) $(IMAGE_OBJ) $(EFI_LIB)

%.efi: %.elf
	$(call say,EFI,$@)
	$(Q)objcopy $(addprefix -j ,$(IMAGE_SECTIONS)) --strip-all --target efi-app-x86_64 --subsystem=10 $< $@

# ---- the host command -----------------------------------------------------------------------------

# What also runs outside the image: the command, the unit tests and the fuzzers share these.
# Objects go into an archive, so that a program takes only what it uses.
IMAGE_ONLY_SRC := lib/string.c
PURE_ARCH_SRC := arch/x86/madt.c
HOSTED_SRC := $(filter-out $(IMAGE_ONLY_SRC),$(sort $(wildcard lib/*.c pci/*.c iommu/*.c vmm/*.c $(PURE_ARCH_SRC))))
COMMAND_SRC := $(sort $(wildcard tools/*.c))
HOSTED_OBJ := $(HOSTED_SRC:%.c=$(BUILD)/hosted/%.o)
COMMAND_OBJ := $(COMMAND_SRC:%.c=$(BUILD)/hosted/%.o)

command: $(if $(COMMAND_SRC),$(BUILD)/bulkhead)

$(BUILD)/hosted/%.o: %.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,HOST,$<)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libhosted.a: $(HOSTED_OBJ)
	@rm -f $@
	@ar rcs $@ $(HOSTED_OBJ)

$(BUILD)/bulkhead: $(COMMAND_OBJ) $(BUILD)/libhosted.a
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^ -lpci

# ---- unit tests and fuzzers -----------------------------------------------------------------------

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_HELPERS := $(patsubst %.c,$(BUILD)/san/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TESTED_SRC := $(HOSTED_SRC) $(filter-out tools/main.c,$(COMMAND_SRC))
SANITIZED_OBJ := $(TESTED_SRC:%.c=$(BUILD)/san/%.o)
FUZZED_OBJ := $(TESTED_SRC:%.c=$(BUILD)/fuzzed/%.o)

# Other sources of tests/unit are models and helpers: in the archive, for whoever uses them.
.PRECIOUS: $(BUILD)/san/%.o $(BUILD)/fuzzed/%.o

# Drivers reach their registers through the model that a test brings along, not through pointers.
$(BUILD)/san/%.o: %.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,SAN,$<)
	$(Q)$(CC) -Itests/unit/model -Itests/unit $(HOST_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<

$(BUILD)/libsanitized.a: $(UNIT_HELPERS) $(SANITIZED_OBJ)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/libsanitized.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcmocka -lpci

unit-programs: $(UNIT_TESTS)

# What a test on the host wants to see of the inside.
$(BUILD)/host/%: $(BUILD)/san/tests/host/%.o $(BUILD)/libsanitized.a
	@mkdir -p $(@D)
	$(call say,TEST,$@)
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcmocka -lpci

unit:
	@$(TOOLS)/check.py unit

# Breaks of the IOMMU drivers, and which test notices each: tests/unit/mutants.txt. WORDS: only those that have one of them.
mutants: unit-programs
	@BUILD=$(BUILD) tests/unit/mutants.py $(WRITE) $(WORDS) -- $(CC) $(HOST_CFLAGS) $(SANITIZE)

# ---- benchmarks -----------------------------------------------------------------------------------

# Optimised, without sanitizers: what the hypervisor would take.
$(BUILD)/bench/groups: $(BUILD)/hosted/tests/bench/groups.o $(BUILD)/hosted/tests/unit/large_machine.o $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^

$(BUILD)/bench/tables: $(BUILD)/hosted/tests/bench/tables.o $(BUILD)/libhosted.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $^

bench-groups: $(BUILD)/bench/groups
	@$<

# The plugin that counts in QEMU, the program that tests it, and the guest that does nothing.
instrument: build/bench/instrument.so build/bench/known.bin build/bench/small.bin

build/bench/instrument.so: tests/bench/instrument.c tests/bench/qemu_plugin.h
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARNINGS) -fPIC -shared -fvisibility=hidden -o $@ $<

build/bench/%.bin: tests/bench/%.asm
	@mkdir -p $(@D)
	$(call say,NASM,$@)
	$(Q)$(NASM) -f bin -Werror -o $@ $<

build/bench/init: $(wildcard tests/bench/guest/*.c) tests/bench/guest/work.h tests/qemu/guest/sha256.h
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARNINGS) -static -o $@ $(filter %.c,$^)

build/bench/initrd.img: $(TOOLS)/make-initrd.py build/bench/init build/kernel/.complete
	$(call say,CPIO,$@)
	$(Q)$(TOOLS)/make-initrd.py $@ --init build/bench/init build/kernel/modules

# BENCH: whom to measure (all that can run), WORK: what with, REPEAT: how often. Runs add up in build/bench/runs.
bench: deps
	@$(MAKE) --no-print-directory -s image instrument build/bench/initrd.img $(BUILD)/bench/tables
	@tests/bench/host/make-host.sh build/bench
	@tests/bench/bench.py $(BENCH) $(if $(WORK),--work $(WORK)) $(if $(REPEAT),--repeat $(REPEAT))
	@$(if $(BENCH)$(WORK),,tests/bench/growth.py)
	@tests/bench/report.py --keep
	@$(if $(BENCH)$(WORK),,$(MAKE) --no-print-directory bench-groups)

$(BUILD)/fuzzed/%.o: %.c Makefile | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)clang $(HOST_CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/libfuzzed.a: $(FUZZED_OBJ)
	@rm -f $@
	@ar rcs $@ $(FUZZED_OBJ)

$(BUILD)/fuzz/%: $(BUILD)/fuzzed/tests/fuzz/%.o $(BUILD)/libfuzzed.a
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -lpci

fuzzers: $(FUZZERS)

fuzz: fuzzers
	@$(TOOLS)/fuzz.py $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS))

# ---- the guest of the demonstration and of the tests ----------------------------------------------

guest: build/guest/initrd.img

build/guest/work: tests/qemu/guest/work.c tests/qemu/guest/igb.c tests/qemu/guest/igb.h tests/qemu/guest/sha256.h
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -O3 -funroll-loops $(WARNINGS) -static -o $@ $(filter %.c,$^)

build/guest/initrd.img: $(TOOLS)/make-initrd.py build/guest/work $(wildcard tests/qemu/guest/*) build/kernel/.complete
	@mkdir -p $(@D)
	$(call say,CPIO,$@)
	$(Q)$(TOOLS)/make-initrd.py $@ build/guest/work build/kernel/modules tests/qemu/guest

build/guest/devices.img: $(TOOLS)/make-initrd.py build/guest/work $(wildcard tests/qemu/devices/*) build/kernel-devices/.complete
	@mkdir -p $(@D)
	$(call say,CPIO,$@)
	$(Q)$(TOOLS)/make-initrd.py $@ build/guest/work build/kernel-devices/modules tests/qemu/devices

build/kernel/.complete build/kernel-devices/.complete:
	$(TOOLS)/deps.sh build

# A Linux that lists the machine and ends, for what is compared with it.
lister: build/guest/lister.img

build/guest/lister: tests/qemu/lister/init.c
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -O2 $(WARNINGS) -static -o $@ $<

build/guest/lister.img: $(TOOLS)/make-initrd.py build/guest/lister build/kernel/.complete
	$(call say,CPIO,$@)
	$(Q)$(TOOLS)/make-initrd.py $@ --init build/guest/lister build/kernel/modules

# The tests' hostile guest and its victim: one Multiboot image, the command line says which.
guest: build/guest/attacker.elf

ATTACKER_CFLAGS := -std=gnu11 -ffreestanding -O2 $(WARNINGS) -m64 -mno-red-zone -mgeneral-regs-only -fno-pic \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
ATTACKER_OBJ := $(patsubst tests/qemu/attacker/%,build/guest/attacker/%.o,\
	$(sort $(wildcard tests/qemu/attacker/*.c tests/qemu/attacker/*.asm)))

build/guest/attacker/%.c.o: tests/qemu/attacker/%.c tests/qemu/attacker/guest.h
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc $(ATTACKER_CFLAGS) -c -o $@ $<

build/guest/attacker/%.asm.o: tests/qemu/attacker/%.asm
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(NASM) -f elf64 -Werror -o $@ $<

build/guest/attacker.elf: $(ATTACKER_OBJ) tests/qemu/attacker/link.ld
	$(call say,GUEST,$@)
	$(Q)ld -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/qemu/attacker/link.ld -o $@ $(ATTACKER_OBJ)

# The same guest by the two other ways into an image.
guest: build/guest/attacker-pvh.elf build/guest/attacker.flat

build/guest/attacker-pvh.elf: $(ATTACKER_OBJ) tests/qemu/attacker/entries.ld
	$(call say,GUEST,$@)
	$(Q)ld -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/qemu/attacker/entries.ld -o $@ $(ATTACKER_OBJ)

build/guest/attacker.flat: build/guest/attacker-pvh.elf
	$(Q)objcopy -O binary -j .text -j .note.pvh -j .rodata -j .data $< $@

# The guest that takes every way out, and two that end at once.
guest: build/guest/exits.elf build/guest/task.bin build/guest/wrap.bin

EXITS_OBJ := $(patsubst tests/bochs/guest/%,build/guest/exits/%.o,\
	$(wildcard tests/bochs/guest/*.c) tests/bochs/guest/start.asm) \
	build/guest/attacker/start.asm.o build/guest/attacker/machine.c.o

build/guest/exits/%.c.o: tests/bochs/guest/%.c tests/bochs/guest/exits.h tests/qemu/attacker/guest.h
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc $(ATTACKER_CFLAGS) -c -o $@ $<

build/guest/exits/%.asm.o: tests/bochs/guest/%.asm
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(NASM) -f elf64 -Werror -o $@ $<

build/guest/exits.elf: $(EXITS_OBJ) tests/qemu/attacker/link.ld
	$(call say,GUEST,$@)
	$(Q)ld -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/qemu/attacker/link.ld -o $@ $(EXITS_OBJ)

build/guest/%.bin: tests/bochs/guest/%.asm
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(NASM) -f bin -Werror -o $@ $<

# For machines without ACPI tables: see tests/bochs.
guest: build/guest/shim.efi

build/guest/shim.o: tests/bochs/shim.c
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc $(filter-out -f%-sections $(RETPOLINES),$(IMAGE_CFLAGS)) $(EFI_CFLAGS) -Wno-missing-prototypes -c -o $@ $<

build/guest/shim.elf: build/guest/shim.o $(BUILD)/obj/lib/string.o linker.ld
	$(Q)$(IMAGE_LD) -o $@ $(EFI_CRT0) build/guest/shim.o $(BUILD)/obj/lib/string.o $(EFI_LIB)

# What stands in for firmware that protects memory before it starts a system: see tests/qemu/firmware/main.c.
guest: build/guest/firmware.efi

FIRMWARE_SRC := $(sort $(wildcard tests/qemu/firmware/*.c))
FIRMWARE_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(FIRMWARE_SRC) lib/string.c lib/text.c)
$(BUILD)/obj/tests/qemu/firmware/%.o: EXTRA_CFLAGS = $(EFI_CFLAGS) -Iiommu

build/guest/firmware.elf: $(FIRMWARE_OBJ) linker.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(IMAGE_LD) -o $@ $(EFI_CRT0) $(FIRMWARE_OBJ) $(EFI_LIB)

# The program of `make hardware-test`, which starts the image step after step.
guest: build/guest/runner.efi

RUNNER_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/hardware/runner/*.c)) \
	lib/string.c lib/text.c vmm/log.c)
$(BUILD)/obj/tests/hardware/runner/%.o: EXTRA_CFLAGS = $(EFI_CFLAGS)

build/guest/runner.elf: $(RUNNER_OBJ) linker.ld
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(IMAGE_LD) -o $@ $(EFI_CRT0) $(RUNNER_OBJ) $(EFI_LIB)

# A guest that tries random instructions, and its victim.
guest: build/guest/fuzzer.elf

FUZZER_OBJ := $(patsubst tests/qemu/fuzzer/%,build/guest/fuzzer/%.o,\
	$(sort $(wildcard tests/qemu/fuzzer/*.c)) tests/qemu/fuzzer/start.asm)

build/guest/fuzzer/%.c.o: tests/qemu/fuzzer/%.c $(wildcard tests/qemu/fuzzer/*.h)
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc $(ATTACKER_CFLAGS) -c -o $@ $<

build/guest/fuzzer/low.bin: tests/qemu/fuzzer/low.asm tests/qemu/fuzzer/layout.inc
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(NASM) -f bin -Werror -Itests/qemu/fuzzer/ -o $@ $<

build/guest/fuzzer/start.asm.o: tests/qemu/fuzzer/start.asm build/guest/fuzzer/low.bin
	$(call say,GUEST,$<)
	$(Q)$(NASM) -f elf64 -Werror -Itests/qemu/fuzzer/ -DLOW_FILE='"build/guest/fuzzer/low.bin"' -o $@ $<

build/guest/fuzzer.elf: $(FUZZER_OBJ) tests/qemu/fuzzer/link.ld
	$(call say,GUEST,$@)
	$(Q)ld -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/qemu/fuzzer/link.ld -o $@ $(FUZZER_OBJ)

# The guest that the attacks under tests/qemu/attacks drive, by the same beginning.
guest: build/guest/weapons.elf

ATTACKS_OBJ := $(addprefix build/guest/attacker/,start.asm.o machine.c.o pci.c.o edu.c.o device.c.o) \
	$(patsubst tests/qemu/attacks/%,build/guest/attacks/%.o,$(filter-out %/find.c,$(sort $(wildcard tests/qemu/attacks/*.c))))

build/guest/attacks/%.c.o: tests/qemu/attacks/%.c tests/qemu/attacks/attacks.h tests/qemu/attacker/guest.h
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)gcc $(ATTACKER_CFLAGS) -c -o $@ $<

build/guest/weapons.elf: $(ATTACKS_OBJ) tests/qemu/attacker/link.ld
	$(call say,GUEST,$@)
	$(Q)ld -nostdlib -static --build-id=none -z noexecstack -z max-page-size=4096 --no-warn-rwx-segments \
		-T tests/qemu/attacker/link.ld -o $@ $(ATTACKS_OBJ)

# Searches a machine's memory, for the same tests.
guest: build/guest/find

build/guest/find: tests/qemu/attacks/find.c
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)gcc -std=gnu11 -D_GNU_SOURCE -O3 $(WARNINGS) -o $@ $<

# ---- booting --------------------------------------------------------------------------------------

esp: $(BUILD)/bulkhead.efi
	@[ -n "$(OUT)" ] || { echo 'usage: make esp [CONF=FILE FILES="A B"] OUT=disk.img' >&2; exit 2; }
	@$(TOOLS)/make-esp.py $(OUT) $(BUILD)/bulkhead.efi "$(CONF)" $(FILES)

# A stick that runs the tests on a real machine and keeps a report: README.md, "Trying it on your machine".
hardware-test: $(BUILD)/bulkhead.efi build/guest/runner.efi build/guest/attacker.elf build/guest/exits.elf
	@[ -n "$(OUT)" ] || { echo 'usage: make hardware-test OUT=stick.img' >&2; exit 2; }
	@$(TOOLS)/make-esp.py $(OUT) build/guest/runner.efi "" bulkhead/bulkhead.efi=$(BUILD)/bulkhead.efi \
		bulkhead/attacker.elf=build/guest/attacker.elf bulkhead/exits.elf=build/guest/exits.elf

# What is installed decides what is found above: after `deps` this file is read again.
run: deps
	@$(MAKE) --no-print-directory image guest
	@$(TOOLS)/run-demo.py --iommu $(IOMMU)

check: deps
	@$(if $(FUZZ_SECONDS),FUZZ_SECONDS=$(FUZZ_SECONDS)) $(TOOLS)/check.py all

# N random machines: isolation groups against those that Linux forms, each drawn from SEED onwards.
check-groups: deps
	@$(MAKE) --no-print-directory image command lister
	@tests/qemu/random_groups.py --count $(N) --seed $(SEED)

# Every kernel of tests/qemu/guests.py, with few and many processors, with little and much memory: 9 GiB of this machine's at most.
check-guests: deps
	@$(TOOLS)/get-kernels.sh build
	@$(MAKE) --no-print-directory image guest
	@tests/qemu/guests.py

# A guest that executes COUNT random instructions beside a victim; what it does is SEED's.
fuzz-guest: deps
	@$(MAKE) --no-print-directory image guest
	@tests/qemu/fuzz_guest.py --iommu $(IOMMU) --seed $(SEED) --count $(COUNT) --from $(FROM)

# RESTARTS of one partition, and KILLS of another while it boots, beside a third that streams from its disk.
endurance: deps
	@$(MAKE) --no-print-directory image guest
	@tests/qemu/endurance.py --iommu $(IOMMU) --restarts $(RESTARTS) --kills $(KILLS) --seed $(SEED)

# ---- the source itself ----------------------------------------------------------------------------

SOURCE_DIRS := boot arch pci iommu vmm lib include tools tests
C_FILES := $(shell find $(SOURCE_DIRS) -name '*.[ch]' 2>/dev/null | sort)
TIDY_IMAGE := $(filter-out boot/%,$(IMAGE_SRC))
TIDY_BOOT := $(filter boot/%,$(IMAGE_SRC))

size: image
	@$(TOOLS)/size.py $(BUILD)/bulkhead.efi

format:
	clang-format -i $(C_FILES)

format-check:
	clang-format --dry-run -Werror $(C_FILES)

TIDY_FLAGS := $(filter-out -W% -fno-strict-aliasing $(RETPOLINES),$(IMAGE_CFLAGS))
tidy: $(GENERATED)
	@printf '%s\n' $(TIDY_IMAGE) | xargs -r -P 2 -I{} clang-tidy --quiet {} -- $(TIDY_FLAGS)
	@printf '%s\n' $(TIDY_BOOT) $(FIRMWARE_SRC) | xargs -r -P 2 -I{} clang-tidy --quiet {} -- $(TIDY_FLAGS) $(EFI_CFLAGS) -Iiommu
	@printf '%s\n' $(COMMAND_SRC) | xargs -r -P 2 -I{} clang-tidy --quiet {} -- $(filter-out -W%,$(HOST_CFLAGS))

clean:
	rm -rf $(filter-out build/qemu build/kernel build/kernels build/kernel-devices build/bochs build/bochs-3.1,$(wildcard build/*))

-include $(shell find $(addprefix $(BUILD)/,obj hosted san fuzzed) -name '*.d' 2>/dev/null)
