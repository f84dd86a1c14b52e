/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"
#include "pci_registers.h"

#define LEAVE_TRIES 8

/* A handle may go while another one is disconnected. The driver of a screen would switch it off. */
static void disconnect(EFI_HANDLE handle) {
	EFI_PCI_IO_PROTOCOL *io = firmware_protocol(handle, (EFI_GUID)EFI_PCI_IO_PROTOCOL_GUID);
	u32 class = 0; /* and what stands below it */

	if (io && !EFI_ERROR(io->Pci.Read(io, EfiPciIoWidthUint32, PCI_REVISION, 1, &class)) &&
	    class >> 24 != PCI_BASE_CLASS_DISPLAY)
		firmware.services->DisconnectController(handle, NULL, NULL);
}

/*
 * Firmware's drivers stop their devices when they are disconnected. The volume that the image came
 * from goes too: everything has been read by now.
 */
void devices_quiesce(void) {
	const struct pci_access *config = boot.config;

	firmware_each((EFI_GUID)EFI_PCI_IO_PROTOCOL_GUID, disconnect);
	for (u32 i = 0; i < boot.inventory.function_count; i++) {
		const struct pci_function *f = &boot.inventory.functions[i];
		u32 command = config->read(config, f->address, PCI_COMMAND, 2);

		/* PCI Express 6.0, section 7.5.1.1.3: a port without it refuses what comes from below. */
		if (!pci_is_bridge(f))
			command &= ~(u32)PCI_COMMAND_BUS_MASTER;
		/* It may share its line with a device that a partition gets. */
		config->write(config, f->address, PCI_COMMAND, 2,
			      command | PCI_COMMAND_INTX_DISABLE);
	}
}

/*
 * UEFI 2.10, section 7.4.6: when the map changed between the two calls the key is stale; after the
 * first attempt only GetMemoryMap and ExitBootServices may be called, so the buffer is not grown.
 */
bool firmware_leave(void) {
	UINTN capacity = 0, size, key, stride = 0;
	UINT32 version;
	EFI_MEMORY_DESCRIPTOR *map;

	firmware.services->GetMemoryMap(&capacity, NULL, &key, &stride, &version);
	capacity += 64 * stride;
	map = firmware_allocate(capacity, UINT64_MAX);
	if (!map)
		return false;
	for (u32 attempt = 0; attempt < LEAVE_TRIES; attempt++) {
		size = capacity;
		if (EFI_ERROR(firmware.services->GetMemoryMap(&size, map, &key, &stride, &version)))
			return false;
		if (!EFI_ERROR(firmware.services->ExitBootServices(firmware.image, key)))
			return true;
	}
	return false;
}
