/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"
#include "x86.h"

#define RESET_PORT 0xcf9
#define RESET_HARD 6
#define FIVE_SECONDS 5000000
#define LEAF1_VMX BIT(5)
#define EXTENDED1_SVM BIT(2)
#define SUBLEAVES 8
#define LEAVES_MAX 64
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_VMX_BASIC 0x480
#define MSR_VMX_PROCESSOR 0x482
#define MSR_VMX_ENTRY 0x484
#define MSR_VMX_SECONDARY 0x48b
#define MSR_VMX_EPT 0x48c
#define MSR_VMX_TRUE_PIN 0x48d
#define MSR_VMX_TRUE_ENTRY 0x490
#define BASIC_TRUE BIT(55)
#define SECONDARY_THERE BIT(63)
#define EPT_OR_VPID (BIT(33) | BIT(37))

static void dump_leaves(struct text_sink *out, u32 first) {
	u32 last = cpuid(first, 0).eax;

	for (u32 leaf = first; leaf <= last && leaf < first + LEAVES_MAX; leaf++) {
		bool several = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd ||
			       leaf == 0x1f || leaf == 0x8000001d || leaf == 0x80000026;

		for (u32 i = 0; i < (several ? SUBLEAVES : 1); i++) {
			struct cpuid r = cpuid(leaf, i);

			text_print(
				out,
				"   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n",
				leaf, i, r.eax, r.ebx, r.ecx, r.edx);
		}
	}
}

static u64 dump_msr(struct text_sink *out, u32 index) {
	u64 value = msr_read(index);

	text_print(out, "0x%x 0x%lx\n", index, value);
	return value;
}

/* Only registers that have to be there: reading another one would end it all. */
void processor_dump(struct text_sink *out) {
	u64 basic;

	text_print(out, "CPU:\n");
	dump_leaves(out, 0);
	dump_leaves(out, 0x80000000);
	if (cpuid(0x80000000, 0).eax >= 0x80000001 && cpuid(0x80000001, 0).ecx & EXTENDED1_SVM)
		dump_msr(out, MSR_VM_CR);
	if (!(cpuid(1, 0).ecx & LEAF1_VMX))
		return;
	dump_msr(out, MSR_FEATURE_CONTROL);
	basic = dump_msr(out, MSR_VMX_BASIC);
	for (u32 index = MSR_VMX_BASIC + 1; index <= MSR_VMX_ENTRY; index++)
		dump_msr(out, index);
	if (msr_read(MSR_VMX_PROCESSOR) & SECONDARY_THERE &&
	    dump_msr(out, MSR_VMX_SECONDARY) & EPT_OR_VPID)
		dump_msr(out, MSR_VMX_EPT);
	for (u32 i = MSR_VMX_TRUE_PIN; basic & BASIC_TRUE && i <= MSR_VMX_TRUE_ENTRY; i++)
		dump_msr(out, i);
}

/* UEFI 2.10, section 3.3: BootNext goes before the order of the setup, once. */
void boot_again(void) {
	EFI_GUID guid = EFI_GLOBAL_VARIABLE;
	EFI_RUNTIME_SERVICES *runtime = system->RuntimeServices;
	UINT16 current;
	UINTN size = sizeof(current);

	if (!EFI_ERROR(runtime->GetVariable(L"BootCurrent", &guid, NULL, &size, &current)))
		runtime->SetVariable(L"BootNext", &guid,
				     EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS |
					     EFI_VARIABLE_RUNTIME_ACCESS,
				     sizeof(current), &current);
}

/* As the image does it. */
void reset(void) {
	port_write8(RESET_PORT, RESET_HARD);
	services->Stall(FIVE_SECONDS);
	for (;;)
		system->RuntimeServices->ResetSystem(EfiResetCold, EFI_SUCCESS, 0, NULL);
}

void power_off(void) {
	for (;;)
		system->RuntimeServices->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
}

/* The volume's path, a file on it, the end. */
static EFI_DEVICE_PATH *path_of(EFI_DEVICE_PATH *from, const CHAR16 *name, u16 name_bytes) {
	u8 *whole = memory_take(4096), *to = whole;

	for (; !IsDevicePathEnd(from) && to < whole + 2048; from = NextDevicePathNode(from)) {
		memcpy(to, from, DevicePathNodeLength(from));
		to += DevicePathNodeLength(from);
	}
	*to++ = MEDIA_DEVICE_PATH;
	*to++ = MEDIA_FILEPATH_DP;
	*to++ = (u8)(name_bytes + 4);
	*to++ = 0;
	memcpy(to, name, name_bytes);
	to += name_bytes;
	*to++ = END_DEVICE_PATH_TYPE;
	*to++ = END_ENTIRE_DEVICE_PATH_SUBTYPE;
	*to++ = 4;
	*to = 0;
	return (EFI_DEVICE_PATH *)whole;
}

EFI_STATUS image_start(CHAR16 *options) {
	static const CHAR16 name[] = L"\\bulkhead\\bulkhead.efi";
	EFI_GUID path_guid = DEVICE_PATH_PROTOCOL, loaded_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *loaded;
	EFI_DEVICE_PATH *path;
	EFI_HANDLE image;
	EFI_STATUS status = services->HandleProtocol(volume, &path_guid, (void **)&path);

	if (!EFI_ERROR(status))
		status = services->LoadImage(FALSE, self, path_of(path, name, sizeof(name)), NULL,
					     0, &image);
	if (!EFI_ERROR(status))
		status = services->HandleProtocol(image, &loaded_guid, (void **)&loaded);
	if (EFI_ERROR(status))
		return status;
	for (loaded->LoadOptions = options; options && *options; options++)
		loaded->LoadOptionsSize += sizeof(*options);
	return services->StartImage(image, NULL, NULL);
}
