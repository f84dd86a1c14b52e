/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

#define PATH_MAX_CHARACTERS 512

static EFI_FILE_HANDLE volume_open(void) {
	EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *system;
	EFI_FILE_HANDLE root;

	if (!firmware.loaded->DeviceHandle ||
	    EFI_ERROR(firmware.services->HandleProtocol(firmware.loaded->DeviceHandle, &guid,
							(void **)&system)) ||
	    EFI_ERROR(system->OpenVolume(system, &root)))
		return NULL;
	return root;
}

/* The folder of the image, from the file path nodes of its device path; ends with a backslash. */
static u32 image_folder(CHAR16 *path) {
	EFI_DEVICE_PATH *node = firmware.loaded->FilePath;
	u32 length = 0, end = 0;

	path[length++] = '\\';
	for (; node && !IsDevicePathEnd(node) && DevicePathNodeLength(node) >= (int)sizeof(*node);
	     node = NextDevicePathNode(node)) {
		const u8 *text = (const u8 *)node + sizeof(*node);
		u32 characters = (u32)(DevicePathNodeLength(node) - sizeof(*node)) / 2;

		if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
		    DevicePathSubType(node) != MEDIA_FILEPATH_DP)
			continue;
		for (u32 i = 0; i < characters && length < PATH_MAX_CHARACTERS - 1; i++) {
			CHAR16 c = (CHAR16)(text[2 * i] | text[2 * i + 1] << 8);

			if (c && !(c == '\\' && path[length - 1] == '\\'))
				path[length++] = c;
		}
	}
	for (u32 i = 0; i < length; i++) {
		if (path[i] == '\\')
			end = i + 1;
	}
	return end;
}

static EFI_FILE_HANDLE open_in(EFI_FILE_HANDLE root, CHAR16 *path, u32 folder, const char *name) {
	EFI_FILE_HANDLE file;
	size_t length = strlen(name);

	if (!length || folder + length >= PATH_MAX_CHARACTERS)
		return NULL;
	for (size_t i = 0; i <= length; i++)
		path[folder + i] = name[i] == '/' ? '\\' : (u8)name[i];
	if (EFI_ERROR(root->Open(root, &file, path, EFI_FILE_MODE_READ, 0)))
		return NULL;
	return file;
}

static EFI_FILE_HANDLE file_open(const char *name) {
	CHAR16 path[PATH_MAX_CHARACTERS];
	EFI_FILE_HANDLE root = volume_open();
	EFI_FILE_HANDLE file;

	if (!root)
		return NULL;
	file = open_in(root, path, image_folder(path), name);
	if (!file)
		file = open_in(root, path, 1, name);
	root->Close(root);
	return file;
}

/* False for folders too. */
static bool file_size(EFI_FILE_HANDLE file, u64 *bytes) {
	EFI_GUID guid = EFI_FILE_INFO_ID;
	u8 buffer[sizeof(EFI_FILE_INFO) + PATH_MAX_CHARACTERS * sizeof(CHAR16)]
		__attribute__((aligned(8)));
	EFI_FILE_INFO *info = (EFI_FILE_INFO *)buffer;
	UINTN size = sizeof(buffer);

	if (EFI_ERROR(file->GetInfo(file, &guid, &size, info)) ||
	    info->Attribute & EFI_FILE_DIRECTORY)
		return false;
	*bytes = info->FileSize;
	return true;
}

bool file_find(const char *name, u64 *bytes) {
	EFI_FILE_HANDLE file = file_open(name);
	bool found = file && file_size(file, bytes);

	if (file)
		file->Close(file);
	return found;
}

static bool read_all(EFI_FILE_HANDLE file, u8 *data, u64 bytes) {
	while (bytes) {
		UINTN part = min_u64(bytes, 64 * MIB);

		if (EFI_ERROR(file->Read(file, &part, data)) || !part)
			return false;
		data += part;
		bytes -= part;
	}
	return true;
}

void *file_read(const char *name, u64 *bytes) {
	EFI_FILE_HANDLE file = file_open(name);
	u8 *data = NULL;

	if (file && file_size(file, bytes) && *bytes < UINT64_MAX - PAGE_SIZE)
		data = firmware_allocate(*bytes + 1, UINT64_MAX);
	if (data) {
		data[*bytes] = 0;
		if (!read_all(file, data, *bytes))
			data = NULL;
	}
	if (file)
		file->Close(file);
	return data;
}

bool load_option(const char *word) {
	const u8 *options = firmware.loaded->LoadOptions;
	size_t length = strlen(word), matched = 0;

	for (u32 i = 0; options && i + 1 < firmware.loaded->LoadOptionsSize; i += 2) {
		CHAR16 c = (CHAR16)(options[i] | options[i + 1] << 8);

		if (matched == length && (c == ' ' || !c))
			return true;
		matched = matched < length && c == (u8)word[matched] ? matched + 1 : 0;
	}
	return matched == length;
}
