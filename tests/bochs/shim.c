/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the firmware of the emulated machine lacks: ACPI tables. Bochs 3.0 cannot hand any to OVMF. This
 * application describes the i440FX machine (ACPI 6.5, section 5.2), installs the tables and starts the
 * image from the same volume. With a file of that name at the volume's root it locks VT-x off first, as
 * firmware does when the setting is off.
 */
#include <efi.h>

#define IMAGE_PATH L"\\EFI\\BOOT\\BULKHEAD.EFI"
#define LOCK_PATH L"\\lock-vmx-off"

#define MSR_FEATURE_CONTROL 0x3a
#define FEATURE_LOCKED 1
#define PM_EVENT_PORT 0xb000 /* where OVMF places the PIIX4's power management */
#define PM_CONTROL_PORT 0xb004
#define PM_TIMER_PORT 0xb008
#define LOCAL_APIC 0xfee00000
#define IO_APIC 0xfec00000

struct __attribute__((packed)) header {
	char signature[4];
	UINT32 length;
	UINT8 revision, checksum;
	char oem[6], table[8];
	UINT32 oem_revision;
	char creator[4];
	UINT32 creator_revision;
};

struct __attribute__((packed)) rsdp {
	char signature[8];
	UINT8 checksum;
	char oem[6];
	UINT8 revision;
	UINT32 rsdt, length;
	UINT64 xsdt;
	UINT8 extended_checksum, reserved[3];
};

struct __attribute__((packed)) fadt {
	struct header header;
	UINT32 facs, dsdt;
	UINT8 reserved0, profile;
	UINT16 sci;
	UINT32 smi_command;
	UINT8 reserved1[4];
	UINT32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe[2];
	UINT8 pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	UINT8 rest[268 - 92];
};
_Static_assert(sizeof(struct fadt) == 268, "revision 5");

struct __attribute__((packed)) cpu_record {
	UINT8 type, length, acpi_id, apic_id;
	UINT32 flags;
};

struct __attribute__((packed)) ioapic_record {
	UINT8 type, length, id, reserved;
	UINT32 address, gsi_base;
};

#define CPUS_MAX 16

static struct __attribute__((aligned(16))) tables {
	struct rsdp rsdp;
	__attribute__((aligned(16))) struct __attribute__((packed)) {
		struct header header;
		UINT64 tables[2];
	} xsdt;
	__attribute__((aligned(16))) struct fadt fadt;
	__attribute__((aligned(16))) struct __attribute__((packed)) {
		struct header header;
		UINT8 aml[12];
	} dsdt;
	__attribute__((aligned(16))) struct __attribute__((packed)) {
		struct header header;
		UINT32 local_apic, flags;
		struct ioapic_record ioapic;
		struct cpu_record cpus[CPUS_MAX];
	} madt;
} * t; /* in memory of the kind that an operating system keeps */

static UINT8 sum(const void *data, UINTN count) {
	const UINT8 *bytes = data;
	UINT8 total = 0;

	while (count--)
		total = (UINT8)(total + *bytes++);
	return (UINT8)-total;
}

static void finish(struct header *header, const char *signature, UINT32 length, UINT8 revision) {
	*(UINT32 *)(void *)header->signature = *(const UINT32 *)(const void *)signature;
	header->length = length;
	header->revision = revision;
	header->checksum = sum(header, length);
}

/* UEFI PI specification, volume 2, section 13.4: only the first function is needed. */
struct mp_services {
	EFI_STATUS(EFIAPI *count)(struct mp_services *, UINTN *all, UINTN *enabled);
};

static UINTN cpu_count(EFI_BOOT_SERVICES *services) {
	EFI_GUID guid = {
		0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};
	struct mp_services *mp;
	UINTN all = 1, enabled;

	if (EFI_ERROR(services->LocateProtocol(&guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->count(mp, &all, &enabled)))
		return 1;
	return all < CPUS_MAX ? all : CPUS_MAX;
}

static void build(UINTN cpus) {
	/* Name (\_S5, Package () {0, 0, 0, 0}) */
	static const UINT8 aml[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0};
	static const char signature[] = "RSD PTR ";

	for (UINTN i = 0; i < sizeof(aml); i++)
		t->dsdt.aml[i] = aml[i];
	finish(&t->dsdt.header, "DSDT", sizeof(t->dsdt), 2);
	t->fadt.dsdt = (UINT32)(UINTN)&t->dsdt;
	t->fadt.sci = 9;
	t->fadt.pm1a_event = PM_EVENT_PORT;
	t->fadt.pm1a_control = PM_CONTROL_PORT;
	t->fadt.pm_timer = PM_TIMER_PORT;
	t->fadt.pm1_event_length = 4;
	t->fadt.pm1_control_length = 2;
	t->fadt.pm_timer_length = 4;
	finish(&t->fadt.header, "FACP", sizeof(t->fadt), 5);
	t->madt.local_apic = LOCAL_APIC;
	t->madt.flags = 1;
	t->madt.ioapic = (struct ioapic_record){1, 12, (UINT8)cpus, 0, IO_APIC, 0};
	for (UINTN i = 0; i < cpus; i++)
		t->madt.cpus[i] = (struct cpu_record){0, 8, (UINT8)i, (UINT8)i, 1};
	finish(&t->madt.header, "APIC", (UINT32)((UINTN)&t->madt.cpus[cpus] - (UINTN)&t->madt), 3);
	t->xsdt.tables[0] = (UINTN)&t->fadt;
	t->xsdt.tables[1] = (UINTN)&t->madt;
	finish(&t->xsdt.header, "XSDT", sizeof(t->xsdt), 1);
	for (UINTN i = 0; i < sizeof(t->rsdp.signature); i++)
		t->rsdp.signature[i] = signature[i];
	t->rsdp.revision = 2;
	t->rsdp.length = sizeof(t->rsdp);
	t->rsdp.xsdt = (UINTN)&t->xsdt;
	t->rsdp.checksum = sum(&t->rsdp, 20);
	t->rsdp.extended_checksum = sum(&t->rsdp, sizeof(t->rsdp));
}

static EFI_STATUS install(EFI_BOOT_SERVICES *services) {
	EFI_GUID guid = ACPI_20_TABLE_GUID;
	EFI_PHYSICAL_ADDRESS address = 0xffffffff;
	EFI_STATUS status =
		services->AllocatePages(AllocateMaxAddress, EfiACPIReclaimMemory, 1, &address);

	_Static_assert(sizeof(struct tables) <= 4096, "one page");
	if (EFI_ERROR(status))
		return status;
	t = (struct tables *)(UINTN)address;
	services->SetMem(t, 4096, 0);
	build(cpu_count(services));
	return services->InstallConfigurationTable(&guid, &t->rsdp);
}

static BOOLEAN has_file(EFI_BOOT_SERVICES *services, EFI_HANDLE volume, CHAR16 *path) {
	EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *interface;
	EFI_FILE_HANDLE root, file;

	return !EFI_ERROR(services->HandleProtocol(volume, &guid, (void **)&interface)) &&
	       !EFI_ERROR(interface->OpenVolume(interface, &root)) &&
	       !EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0));
}

static EFI_STATUS start(EFI_HANDLE self, EFI_BOOT_SERVICES *services, EFI_HANDLE volume) {
	static const CHAR16 name[] = IMAGE_PATH;
	EFI_GUID guid = DEVICE_PATH_PROTOCOL;
	EFI_DEVICE_PATH *path;
	UINT8 whole[512], *from, *to = whole;
	EFI_HANDLE image;
	EFI_STATUS status = services->HandleProtocol(volume, &guid, (void **)&path);
	UINTN length;

	if (EFI_ERROR(status))
		return status;
	/* The volume's path, a file on it, the end. */
	for (from = (UINT8 *)path; from[0] != END_DEVICE_PATH_TYPE; from += length, to += length) {
		length = from[2] | (UINTN)from[3] << 8;
		if (length < 4 || to + length + sizeof(name) + 8 > whole + sizeof(whole))
			return EFI_BUFFER_TOO_SMALL;
		services->CopyMem(to, from, length);
	}
	to[0] = MEDIA_DEVICE_PATH;
	to[1] = MEDIA_FILEPATH_DP;
	to[2] = 4 + sizeof(name);
	to[3] = 0;
	services->CopyMem(to + 4, (void *)(UINTN)name, sizeof(name));
	to += 4 + sizeof(name);
	to[0] = END_DEVICE_PATH_TYPE;
	to[1] = END_ENTIRE_DEVICE_PATH_SUBTYPE;
	to[2] = 4;
	to[3] = 0;
	status =
		services->LoadImage(FALSE, self, (EFI_DEVICE_PATH *)(void *)whole, NULL, 0, &image);
	return EFI_ERROR(status) ? status : services->StartImage(image, NULL, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) {
	EFI_BOOT_SERVICES *services = system->BootServices;
	EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status = services->HandleProtocol(self, &guid, (void **)&loaded);

	if (EFI_ERROR(status) || EFI_ERROR(install(services))) {
		system->ConOut->OutputString(system->ConOut, L"shim: no tables\r\n");
		return EFI_LOAD_ERROR;
	}
	if (has_file(services, loaded->DeviceHandle, LOCK_PATH))
		__asm__ volatile("wrmsr" : : "c"(MSR_FEATURE_CONTROL), "a"(FEATURE_LOCKED), "d"(0));
	status = start(self, services, loaded->DeviceHandle);
	system->ConOut->OutputString(system->ConOut, L"shim: the image has returned\r\n");
	return status;
}
