/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware.h"

#define PATH_MAX_CHARACTERS 512

void *firmware_protocol(EFI_HANDLE handle, EFI_GUID guid) {
	void *interface;

	return handle && !EFI_ERROR(firmware.services->HandleProtocol(handle, &guid, &interface)) ? interface : NULL;
}

void firmware_each(EFI_GUID guid, void (*visit)(EFI_HANDLE handle)) {
	EFI_HANDLE *handles;
	UINTN count;

	if (EFI_ERROR(firmware.services->LocateHandleBuffer(ByProtocol, &guid, NULL, &count,
							    &handles)))
		return;
	for (UINTN i = 0; i < count; i++)
		visit(handles[i]);
	firmware.services->FreePool(handles);
}

EFI_DEVICE_PATH *device_path_find(EFI_DEVICE_PATH *node, u8 type, u8 subtype) {
	for (; node && !IsDevicePathEnd(node) && DevicePathNodeLength(node) >= (int)sizeof(*node);
	     node = NextDevicePathNode(node))
		if (DevicePathType(node) == type && DevicePathSubType(node) == subtype)
			return node;
	return NULL;
}

/* The folder of the image, from the file path nodes of its device path; ends with a backslash. */
static u32 image_folder(CHAR16 *path) {
	EFI_DEVICE_PATH *node = firmware.loaded->FilePath;
	u32 length = 1, end = 1;

	while ((node = device_path_find(node, MEDIA_DEVICE_PATH, MEDIA_FILEPATH_DP))) {
		const u8 *text = (const u8 *)(node + 1);
		u32 bytes = (u32)(DevicePathNodeLength(node) - sizeof(*node));

		for (u32 i = 0; i + 1 < bytes && length < PATH_MAX_CHARACTERS - 1; i += 2) {
			CHAR16 c = (CHAR16)(text[i] | text[i + 1] << 8);

			if (c && !(c == '\\' && path[length - 1] == '\\'))
				path[length++] = c;
			if (c == '\\')
				end = length;
		}
		node = NextDevicePathNode(node);
	}
	return end;
}

/* Beside the image, or at the root of its volume. */
static EFI_STATUS open_in(bool beside, const char *name, u64 mode, EFI_FILE_HANDLE *file) {
	EFI_FILE_IO_INTERFACE *volume = firmware_protocol(firmware.loaded->DeviceHandle,
							  (EFI_GUID)SIMPLE_FILE_SYSTEM_PROTOCOL);
	CHAR16 path[PATH_MAX_CHARACTERS] = {'\\'};
	u32 folder = beside ? image_folder(path) : 1;
	size_t length = strlen(name);
	EFI_FILE_HANDLE root;
	EFI_STATUS status;

	if (!length || folder + length >= PATH_MAX_CHARACTERS)
		return EFI_NOT_FOUND;
	for (size_t i = 0; i <= length; i++)
		path[folder + i] = name[i] == '/' ? '\\' : (u8)name[i];
	if (!volume || EFI_ERROR(volume->OpenVolume(volume, &root)))
		return EFI_NO_MEDIA;
	status = root->Open(root, file, path, mode, 0);
	root->Close(root);
	return status;
}

static EFI_FILE_HANDLE file_open(const char *name) {
	EFI_FILE_HANDLE file;

	return EFI_ERROR(open_in(true, name, EFI_FILE_MODE_READ, &file)) &&
			       EFI_ERROR(open_in(false, name, EFI_FILE_MODE_READ, &file))
		       ? NULL
		       : file;
}

/* False for folders too: they have no end to go to (UEFI 2.10, section 13.5). */
static bool file_size(EFI_FILE_HANDLE file, u64 *bytes) {
	return !EFI_ERROR(file->SetPosition(file, UINT64_MAX)) &&
	       !EFI_ERROR(file->GetPosition(file, bytes)) && !EFI_ERROR(file->SetPosition(file, 0));
}

bool file_find(const struct image_lookup *lookup, const char *name, u64 *bytes) {
	EFI_FILE_HANDLE file = file_open(name);
	bool found = file && file_size(file, bytes);

	(void)lookup;
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
	case EFI_NO_MEDIA: return "the image came from no volume";
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
	EFI_FILE_HANDLE file;
	EFI_STATUS status;

	/* Deleted first: firmware writes into a file, it does not shorten it. */
	if (!EFI_ERROR(open_in(true, name, both, &file)))
		file->Delete(file);
	status = open_in(true, name, both | EFI_FILE_MODE_CREATE, &file);
	if (EFI_ERROR(status))
		return words_for(status);
	status = write_all(file, text);
	if (EFI_ERROR(status)) /* nobody shall read half a file */
		file->Delete(file);
	else
		file->Close(file);
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
