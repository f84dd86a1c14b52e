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
	u32 length = 1, end = 1;

	path[0] = '\\';
	for (; node && !IsDevicePathEnd(node) && DevicePathNodeLength(node) >= (int)sizeof(*node);
	     node = NextDevicePathNode(node)) {
		const u8 *text = (const u8 *)node + sizeof(*node);
		u32 bytes = (u32)(DevicePathNodeLength(node) - sizeof(*node));

		if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
		    DevicePathSubType(node) != MEDIA_FILEPATH_DP)
			continue;
		for (u32 i = 0; i + 1 < bytes && length < PATH_MAX_CHARACTERS - 1; i += 2) {
			CHAR16 c = (CHAR16)(text[i] | text[i + 1] << 8);

			if (c && !(c == '\\' && path[length - 1] == '\\'))
				path[length++] = c;
			if (c == '\\')
				end = length;
		}
	}
	return end;
}

static EFI_STATUS open_in(EFI_FILE_HANDLE root, CHAR16 *path, u32 folder, const char *name,
			  u64 mode, EFI_FILE_HANDLE *file) {
	size_t length = strlen(name);

	if (!length || folder + length >= PATH_MAX_CHARACTERS)
		return EFI_NOT_FOUND;
	for (size_t i = 0; i <= length; i++)
		path[folder + i] = name[i] == '/' ? '\\' : (u8)name[i];
	return root->Open(root, file, path, mode, 0);
}

static EFI_FILE_HANDLE file_open(const char *name) {
	CHAR16 path[PATH_MAX_CHARACTERS];
	EFI_FILE_HANDLE root = volume_open();
	EFI_FILE_HANDLE file = NULL;

	if (!root)
		return NULL;
	if (EFI_ERROR(open_in(root, path, image_folder(path), name, EFI_FILE_MODE_READ, &file)) &&
	    EFI_ERROR(open_in(root, path, 1, name, EFI_FILE_MODE_READ, &file)))
		file = NULL;
	root->Close(root);
	return file;
}

/* False for folders too: they have no end to go to (UEFI 2.10, section 13.5). */
static bool file_size(EFI_FILE_HANDLE file, u64 *bytes) {
	return !EFI_ERROR(file->SetPosition(file, UINT64_MAX)) &&
	       !EFI_ERROR(file->GetPosition(file, bytes)) && !EFI_ERROR(file->SetPosition(file, 0));
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

static const char *words_for(EFI_STATUS status) {
	switch (status) {
	case EFI_SUCCESS: return NULL;
	case EFI_WRITE_PROTECTED: return "the volume is read-only";
	case EFI_ACCESS_DENIED: return "a file or folder of that name is read-only";
	case EFI_VOLUME_FULL: return "the volume is full";
	default: return "firmware does not write to this volume";
	}
}

/* All of it is on the volume, or STATUS says why not. */
static EFI_STATUS write_all(EFI_FILE_HANDLE file, const char *text) {
	UINTN length = strlen(text), written = length;
	EFI_STATUS status = file->Write(file, &written, (void *)(uintptr_t)text);

	if (EFI_ERROR(status))
		return status;
	return written < length ? EFI_VOLUME_FULL : file->Flush(file);
}

const char *file_replace(const char *name, const char *text) {
	static const u64 both = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	CHAR16 path[PATH_MAX_CHARACTERS];
	EFI_FILE_HANDLE root = volume_open(), file;
	EFI_STATUS status;

	if (!root)
		return "the image came from no volume";
	/* Deleted first: firmware writes into a file, it does not shorten it. */
	if (!EFI_ERROR(open_in(root, path, image_folder(path), name, both, &file)))
		file->Delete(file);
	status = open_in(root, path, image_folder(path), name, both | EFI_FILE_MODE_CREATE, &file);
	if (!EFI_ERROR(status)) {
		status = write_all(file, text);
		if (EFI_ERROR(status)) /* nobody shall read half a file */
			file->Delete(file);
		else
			file->Close(file);
	}
	root->Close(root);
	return words_for(status);
}

bool load_option(const char *word) {
	const u8 *options = firmware.loaded->LoadOptions;
	size_t length = strlen(word), matched = 0;
	bool begins = true; /* a word does here */

	for (u32 i = 0; options && i + 1 < firmware.loaded->LoadOptionsSize; i += 2) {
		CHAR16 c = (CHAR16)(options[i] | options[i + 1] << 8);

		if (matched == length && (c == ' ' || !c))
			return true;
		begins |= matched != 0;
		matched = begins && matched < length && c == (u8)word[matched] ? matched + 1 : 0;
		begins = c == ' ';
	}
	return matched == length;
}
