/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of firmware.txt: `deny` (only storage may use DMA; else everything may, by identity), `interrupts`
 * (remapped, and none is let through), `x2apic` (in that format; AMD-Vi: wide entries, too), `scalable` (VT-d's other
 * mode), `survey` (the image runs twice, the first time for a survey only).
 *
 * A device that ignores its bus master bit waits to be told where to write. The page that it is told, the
 * canary, is reserved: nobody but a device writes there. The word behind it is for the test: 1, and the unit is
 * switched on; 2, and the image starts.
 */
#include "firmware.h"
#include "mmio.h"
#include "pci_registers.h"
#include "x86.h"

#define WEAPON 0x00051b36u /* iommu-testdev: device and vendor */
#define CLASS_STORAGE 0x01
#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define CANARY_WORD 0x5afe5afe5afe5afeull
#define WAIT_MICROSECONDS 1000000
#define POLL_MICROSECONDS 1000
#define TEXT_MAX 256

EFI_BOOT_SERVICES *services;
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

static EFI_SYSTEM_TABLE *table;
static char words[TEXT_MAX];

void say(const char *format, ...) {
	struct text_buffer line = TEXT_BUFFER(TEXT_MAX);
	CHAR16 wide[TEXT_MAX + 16];
	u32 length = 0;
	va_list arguments;

	text_print(&line.sink, "firmware: ");
	va_start(arguments, format);
	text_print_list(&line.sink, format, arguments);
	va_end(arguments);
	text_print(&line.sink, "\r\n");
	for (; line.data[length]; length++)
		wide[length] = (u8)line.data[length];
	wide[length] = 0;
	table->ConOut->OutputString(table->ConOut, wide);
}

static _Noreturn void give_up(const char *what) {
	say("error: %s", what);
	for (;;)
		services->Stall(WAIT_MICROSECONDS);
}

bool wanted(const char *word) {
	size_t length = strlen(word);

	for (const char *at = words; *at; at++)
		if ((at == words || at[-1] == ' ') && !strncmp(at, word, length) &&
		    (!at[length] || at[length] == ' ' || at[length] == '\n'))
			return true;
	return false;
}

void *pages(u64 count) {
	EFI_PHYSICAL_ADDRESS address = UINT32_MAX;

	if (EFI_ERROR(services->AllocatePages(AllocateMaxAddress, EfiBootServicesData, count,
					      &address)))
		give_up("no memory");
	return memset((void *)(uintptr_t)address, 0, count * PAGE_SIZE);
}

void wait_until(const volatile void *address, u32 mask, u32 value) {
	for (u32 waited = 0; (mmio_read32(address) & mask) != value; waited += POLL_MICROSECONDS) {
		if (waited >= WAIT_MICROSECONDS)
			give_up("the unit does not answer");
		services->Stall(POLL_MICROSECONDS);
	}
}

static u32 config_read(u16 requester_id, u32 offset) {
	port_write32(PORT_ADDRESS, 1u << 31 | (u32)requester_id << 8 | offset);
	return port_read32(PORT_DATA);
}

bool is_allowed(u16 requester_id) {
	return !wanted("deny") || (config_read(requester_id, PCI_VENDOR_ID) != UINT32_MAX &&
				   config_read(requester_id, 8) >> 24 == CLASS_STORAGE);
}

static void *protocol(EFI_HANDLE handle, EFI_GUID guid) {
	void *interface;

	return EFI_ERROR(services->HandleProtocol(handle, &guid, &interface)) ? NULL : interface;
}

static void read_words(EFI_HANDLE volume) {
	EFI_FILE_IO_INTERFACE *files = protocol(volume, (EFI_GUID)SIMPLE_FILE_SYSTEM_PROTOCOL);
	static CHAR16 name[] = L"firmware.txt";
	UINTN size = sizeof(words) - 1;
	EFI_FILE_HANDLE root, file;

	if (!files || EFI_ERROR(files->OpenVolume(files, &root)) ||
	    EFI_ERROR(root->Open(root, &file, name, EFI_FILE_MODE_READ, 0)) ||
	    EFI_ERROR(file->Read(file, &size, words)))
		give_up("there is no firmware.txt");
	file->Close(file);
	root->Close(root);
}

/* The register base of the first unit that DMAR or IVRS names. */
static u64 unit_base(const char *signature) {
	EFI_GUID wanted_guid = ACPI_20_TABLE_GUID;
	const struct acpi_rsdp *rsdp = NULL;
	const struct acpi_header *xsdt, *found;

	for (UINTN i = 0; i < table->NumberOfTableEntries; i++)
		if (!memcmp(&table->ConfigurationTable[i].VendorGuid, &wanted_guid,
			    sizeof(wanted_guid)))
			rsdp = table->ConfigurationTable[i].VendorTable;
	if (!rsdp)
		give_up("there are no ACPI tables");
	xsdt = (const void *)(uintptr_t)rsdp->xsdt;
	for (u32 at = sizeof(*xsdt); at < xsdt->length; at += sizeof(u64)) {
		u64 address;

		memcpy(&address, (const u8 *)xsdt + at, sizeof(address));
		found = (const void *)(uintptr_t)address;
		/* Both have the base at the same place of the first structure. */
		if (!memcmp(found->signature, signature, 4)) {
			memcpy(&address, (const u8 *)found + sizeof(struct acpi_dmar) + 8,
			       sizeof(address));
			return address;
		}
	}
	return 0;
}

/* Where its registers are. */
static u64 arm_weapon(void) {
	for (u32 id = 0; id <= UINT16_MAX; id++) {
		if (config_read((u16)id, PCI_VENDOR_ID) != WEAPON)
			continue;
		u64 base = config_read((u16)id, PCI_BAR0) & ~0xfu;

		config_read((u16)id, PCI_COMMAND);
		port_write32(PORT_DATA, PCI_COMMAND_MEMORY);
		return base;
	}
	give_up("there is no weapon");
}

static EFI_HANDLE load(EFI_HANDLE self, EFI_HANDLE volume) {
	static const CHAR16 name[] = L"\\bulkhead.efi";
	EFI_DEVICE_PATH *path = protocol(volume, (EFI_GUID)EFI_DEVICE_PATH_PROTOCOL_GUID),
			*node = path;
	u8 whole[TEXT_MAX];
	EFI_HANDLE image;
	size_t length;

	while (!IsDevicePathEnd(node))
		node = NextDevicePathNode(node);
	length = (size_t)((u8 *)node - (u8 *)path);
	if (length + sizeof(name) + 2 * sizeof(*node) > sizeof(whole))
		give_up("the volume is far away");
	memcpy(whole, path, length);
	path = (EFI_DEVICE_PATH *)(whole + length);
	path->Type = MEDIA_DEVICE_PATH;
	path->SubType = MEDIA_FILEPATH_DP;
	SetDevicePathNodeLength(path, sizeof(*path) + sizeof(name));
	memcpy(path + 1, name, sizeof(name));
	memcpy(NextDevicePathNode(path), node, sizeof(*node));
	if (EFI_ERROR(services->LoadImage(FALSE, self, (EFI_DEVICE_PATH *)whole, NULL, 0, &image)))
		give_up("bulkhead.efi cannot be loaded");
	return image;
}

/* Runs it for a survey, after which everything has to be as it was. */
static void survey(EFI_HANDLE self, EFI_HANDLE volume, u64 (*sum)(void)) {
	static CHAR16 options[] = L"survey";
	EFI_HANDLE image = load(self, volume);
	EFI_LOADED_IMAGE *loaded = protocol(image, (EFI_GUID)LOADED_IMAGE_PROTOCOL);
	u64 before = sum();

	loaded->LoadOptions = options;
	loaded->LoadOptionsSize = sizeof(options);
	services->StartImage(image, NULL, NULL);
	say("after the survey the unit is %s", sum() == before ? "as it was" : "changed");
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system) {
	EFI_PHYSICAL_ADDRESS canary = UINT32_MAX;
	EFI_LOADED_IMAGE *loaded;
	volatile u64 *word;
	u64 vtd, amdvi;

	table = system;
	services = system->BootServices;
	services->SetWatchdogTimer(0, 0, 0, NULL);
	loaded = protocol(self, (EFI_GUID)LOADED_IMAGE_PROTOCOL);
	read_words(loaded->DeviceHandle);
	vtd = unit_base("DMAR");
	amdvi = unit_base("IVRS");
	if (!vtd && !amdvi)
		give_up("there is no unit");
	if (EFI_ERROR(
		    services->AllocatePages(AllocateMaxAddress, EfiReservedMemoryType, 1, &canary)))
		give_up("no memory");
	word = (volatile u64 *)(uintptr_t)canary;
	word[0] = CANARY_WORD;
	word[1] = 0;
	say("weapon at 0x%lx canary at 0x%lx", arm_weapon(), (u64)canary);
	while (word[1] != 1)
		services->Stall(POLL_MICROSECONDS);
	if (vtd)
		vtd_begin(vtd);
	else
		amdvi_begin(amdvi);
	say("%s is on: %s", vtd ? "vt-d" : "amd-vi", words);
	while (word[1] != 2)
		services->Stall(POLL_MICROSECONDS);
	if (wanted("survey"))
		survey(self, loaded->DeviceHandle, vtd ? vtd_sum : amdvi_sum);
	services->StartImage(load(self, loaded->DeviceHandle), NULL, NULL);
	give_up("the image came back");
}
