/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"
#include "machine.h"
#include "survey.h"
#include "version.h"
#include "x86.h"

#define CONFIG_NAME "bulkhead.conf"
/* Each is four times the one before: tried until the inventory fits. */
#define ARENA_FIRST MIB
#define ARENA_LAST (256 * MIB)
#define ARENA_REST (640 * KIB) /* for the plan of the file, made up to three times, and words */
#define FUNCTION_REST (2 * sizeof(struct pci_function) + 512) /* groups, and trials of them */
/* What config_preview() needs: bytes, and bytes for each one of the file. */
#define PREVIEW_BYTES (64 * KIB)
#define PREVIEW_SHARE 16
#define BELOW_4G 0xffffffffull
#define BELOW_1M 0x9ffffull
#define SERIAL_DEFAULT 0x3f8
#define PLAN_TRIES 3

struct firmware firmware;

static struct arena arena;
static struct config_preview preview;
static const struct vcpu_ops *const processor_kinds[] = {&svm_ops, &vmx_ops};

/* NULL: one that can do everything; else what it lacks. Without vcpu_ops that is too much. */
static const char *choose_processor_kind(void) {
	static char words[256];
	struct text_buffer buffer = text_buffer(words, sizeof(words));

	if (!(cpuid(1, 0).ecx & CPUID_X2APIC))
		text_print(&buffer.sink, "this processor has no x2APIC, or firmware hides it: "
					 "switch on x2APIC in the firmware's settings");
	else if (cr4_read() &
		 CR4_LA57) /* our tables have four levels: not to be left in long mode */
		text_print(&buffer.sink, "firmware uses page tables of five levels: switch 5-level "
					 "paging off in its settings");
	for (u32 i = 0; !words[0] && !boot.vcpu_ops && i < ARRAY_SIZE(processor_kinds); i++)
		if (processor_kinds[i]->check(&buffer.sink))
			boot.vcpu_ops = processor_kinds[i];
	if (!words[0] && !boot.vcpu_ops)
		text_print(&buffer.sink, "this processor has neither SVM nor VT-x, or firmware "
					 "hides it: switch on virtualisation in its settings");
	return words[0] ? words : NULL;
}

/* AMD64 APM volume 3, section E.4.10; Intel SDM volume 3, section 9.9.1. Whoever has x2APIC has the leaf. */
static u32 cpu_thread_bits(void) {
	struct cpuid id = {0};

	if (cpuid(0, 0).eax >= CPUID_TOPOLOGY)
		id = cpuid(CPUID_TOPOLOGY, 0);
	/* EBX: threads of a core that are there; room for more may be left in the numbers. */
	return (id.ecx >> 8 & 0xff) == TOPOLOGY_THREADS && (id.ebx & TOPOLOGY_COUNT) > 1
		       ? id.eax & TOPOLOGY_BITS
		       : 0;
}

/* Processors and functions in an arena of BYTES, when enough is left of it for all that follows. */
static bool find_functions(u64 bytes) {
	EFI_TPL level;
	bool found;

	arena = (struct arena){.base = firmware_allocate(bytes, UINT64_MAX), .size = bytes};
	boot.inventory = (struct inventory){.arena = &arena,
					    .requests = preview.requests,
					    .request_count = preview.request_count};
	if (!arena.base)
		return false;
	madt_parse(&boot.inventory, firmware.madt);
	boot.inventory.thread_bits = cpu_thread_bits();
	mcfg_parse(&boot.inventory, firmware.mcfg);
	boot.config = machine_config_access(&boot.inventory);
	/* Sizing moves registers for a moment: no firmware driver may look meanwhile. */
	level = firmware.services->RaiseTPL(TPL_HIGH_LEVEL);
	found = pci_enumerate(&boot.inventory, boot.config, clock_stall);
	firmware.services->RestoreTPL(level);
	return found && arena.size - arena.used >=
				ARENA_REST + (u64)boot.inventory.function_count * FUNCTION_REST;
}

static bool build_inventory(void) {
	u32 keep = firmware_held();

	for (u64 bytes = ARENA_FIRST; !find_functions(bytes); bytes *= 4) {
		firmware_release(keep);
		if (bytes < ARENA_LAST)
			continue;
		say("error: firmware has no memory for this machine's PCI functions, or they do not fit "
		    "into %llu MiB: switch devices or virtual functions (SR-IOV) off in its setup",
		    ARENA_LAST / MIB);
		return false;
	}
	if (!boot.inventory.cpu_count) {
		say("error: the ACPI table APIC (MADT) is missing or malformed: no processors known");
		return false;
	}
	dmar_parse(&boot.inventory, firmware.dmar);
	ivrs_parse(&boot.inventory, firmware.ivrs);
	if (memory_inventory())
		reserved_check(&boot.inventory);
	acs_enable(&boot.inventory, boot.config);
	return true;
}

static bool read_plan(const char *text, u64 length) {
	static const struct image_lookup lookup = {.find = file_find};
	struct diagnostics diagnostics;
	bool good = config_plan(text, length, &boot.inventory, &lookup, &arena, &boot.plan,
				&diagnostics);

	diagnostics_print(&diagnostics, CONFIG_NAME, "", &console);
	return good;
}

static bool read_image(const char *name, struct image *image) {
	image->data = file_read(name, &image->size);
	if (!image->data)
		say("error: %s: cannot be read, or firmware has no memory for it", name);
	return image->data != NULL;
}

static bool read_images(void) {
	boot.images = arena_alloc(&arena, boot.plan.partition_count, sizeof(*boot.images));
	for (u32 i = 0; boot.images && i < boot.plan.partition_count; i++) {
		const struct partition_plan *p = &boot.plan.partitions[i];

		if (!read_image(p->kernel, &boot.images[i].kernel) ||
		    (p->initrd && !read_image(p->initrd, &boot.images[i].initrd)))
			return false;
	}
	return boot.images != NULL;
}

/* NULL: every unit can do what is needed; else which one cannot, and why. */
static const char *probe_units(void) {
	static char words[512];
	struct text_buffer reason = text_buffer(words, sizeof(words));

	return iommu_probe(&boot.iommu, &boot.inventory, &reason.sink) ? NULL : words;
}

/* Free memory that some device may be let into: nobody gets it. */
static bool take_reserved_memory(void) {
	struct reserved_region piece;

	for (u64 from = 0; reserved_next(&boot.inventory, NULL, 0, from, &piece);
	     from = piece.limit + 1)
		for (u32 i = 0; i < boot.inventory.memory_count; i++) {
			const struct memory_range *m = &boot.inventory.memory[i];
			u64 base = max_u64(m->base, piece.base);
			u64 end = min_u64(m->base + m->length, piece.limit + 1);

			if (m->kind == MEMORY_FREE && base < end &&
			    !firmware_allocate_at(base, end - base))
				return false;
		}
	return true;
}

/* The plan's places first: what firmware gives anywhere must not lie in them. */
static bool take_partition_memory(void) {
	for (u32 i = 0; i < boot.plan.partition_count; i++) {
		const struct partition_plan *p = &boot.plan.partitions[i];

		if (!firmware_allocate_at(p->memory_base, p->memory_bytes))
			return false;
	}
	return true;
}

static bool take_tables_memory(void) {
	u64 pages = machine_pages();

	page_pool_init(&boot.pool, firmware_allocate(pages * PAGE_SIZE, BELOW_4G), pages);
	boot.trampoline = (uintptr_t)firmware_allocate(PAGE_SIZE, BELOW_1M);
	if (boot.pool.base && boot.trampoline)
		return true;
	say("error: firmware has no memory for tables (%llu KiB below 4 GiB, 4 KiB below 1 MiB)",
	    pages * PAGE_SIZE / KIB);
	return false;
}

/* Looking for the images makes firmware allocate: then the map is read and the plan made again. */
static bool make_plan(const char *text, u64 length) {
	u32 keep = firmware_held();

	for (u32 attempt = 0; attempt < PLAN_TRIES; attempt++) {
		if (!memory_inventory() || !read_plan(text, length))
			return false;
		if (take_partition_memory() && take_reserved_memory())
			return true;
		firmware_release(keep);
	}
	say("error: firmware refused the memory that its own map calls free");
	return false;
}

/* Everything that can be wrong is found here, while firmware can still take the machine back. */
static bool prepare(const char *text, u64 length) {
	if (!make_plan(text, length))
		return false;
	/* Without one, partitions can run that have no devices. */
	if (boot.inventory.iommu_fault)
		say("warning: the IOMMU is left alone: %s", boot.inventory.iommu_fault);
	if (!take_tables_memory() || !read_images() || !machine_check(&console))
		return false;
	power_off_find();
	boot.inventory.tsc_khz = clock_tsc_khz();
	if (!boot.inventory.tsc_khz) {
		say("error: the frequency of the time stamp counter cannot be measured");
		return false;
	}
	boot.wall_clock_tsc = cpu_tsc();
	boot.wall_clock_seconds = clock_unix_seconds();
	return true;
}

static _Noreturn void take_over(void) {
	devices_quiesce();
	screen_stop();
	if (!firmware_leave())
		panic("firmware did not end its boot services");
	interrupts_disable();
	machine_start();
}

static EFI_STATUS run(const char *text, u64 length) {
	struct survey_facts facts = {.processor = "unsupported"};

	facts.processor_fault = choose_processor_kind();
	if (boot.vcpu_ops)
		facts.processor = boot.vcpu_ops->name;
	if (!groups_derive(&boot.inventory, preview.trusts, preview.trust_count)) {
		say("error: no memory left for isolation groups");
		return EFI_OUT_OF_RESOURCES;
	}
	boot.inventory.iommu_fault = probe_units();
	if (!text && !load_option("survey"))
		say("survey: no %s beside the image or at the root of its volume", CONFIG_NAME);
	if (!text) {
		survey_run(&facts);
		return EFI_SUCCESS;
	}
	survey_print(&boot.inventory, &facts, false, &console);
	if (facts.processor_fault)
		say("%s: %s", boot.vcpu_ops ? "warning" : "error", facts.processor_fault);
	if (!boot.vcpu_ops || !prepare(text, length))
		return EFI_LOAD_ERROR;
	take_over();
}

/* What is asked for outlives every arena that functions do not fit into. */
static void read_preview(const char *text, u64 length) {
	struct arena early = {.size = PREVIEW_BYTES + PREVIEW_SHARE * length};

	early.base = firmware_allocate(early.size, UINT64_MAX);
	if (early.base)
		config_preview(text, length, &early, &preview);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system) {
	EFI_STATUS status = EFI_LOAD_ERROR;
	u64 length = 0;
	const char *text;

	firmware = (struct firmware){
		.image = image, .system = system, .services = system->BootServices};
	firmware.loaded = firmware_protocol(image, (EFI_GUID)LOADED_IMAGE_PROTOCOL);
	if (!firmware.loaded)
		return EFI_UNSUPPORTED;
	boot.begin_tsc = cpu_tsc();
	firmware.services->SetWatchdogTimer(0, 0, 0, NULL);
	console_init(SERIAL_DEFAULT);
	screen_start();
	say("version %s", BULKHEAD_VERSION);
	log_open();
	acpi_find();
	text = load_option("survey") ? NULL : file_read(CONFIG_NAME, &length);
	if (text)
		read_preview(text, length);
	if (build_inventory()) {
		status = run(text, length);
		acs_restore(&boot.inventory, boot.config);
	}
	sriov_restore(&boot.inventory, boot.config, clock_stall);
	log_close();
	firmware_release(0);
	say("returning to firmware; nothing was changed");
	screen_stop();
	return status;
}
