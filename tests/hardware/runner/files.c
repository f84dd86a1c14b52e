/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#define PATH_MAX_CHARACTERS 128
#define FILE_BYTES_MAX (4 * MIB)

static EFI_FILE_HANDLE file_open(const char *path, u64 mode) {
	EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *interface;
	EFI_FILE_HANDLE root, file;
	CHAR16 wide[PATH_MAX_CHARACTERS];
	EFI_STATUS status;
	u32 length = 0;

	for (; path[length] && length < PATH_MAX_CHARACTERS - 1; length++)
		wide[length] = (u8)path[length];
	wide[length] = 0;
	if (EFI_ERROR(services->HandleProtocol(volume, &guid, (void **)&interface)) ||
	    EFI_ERROR(interface->OpenVolume(interface, &root)))
		return NULL;
	status = root->Open(root, &file, wide, mode, 0);
	root->Close(root);
	return EFI_ERROR(status) ? NULL : file;
}

char *file_read(const char *path) {
	EFI_FILE_HANDLE file = file_open(path, EFI_FILE_MODE_READ);
	u64 bytes = 0;
	char *text = NULL;

	if (!file)
		return NULL;
	if (!EFI_ERROR(file->SetPosition(file, UINT64_MAX)) &&
	    !EFI_ERROR(file->GetPosition(file, &bytes)) && bytes <= FILE_BYTES_MAX &&
	    !EFI_ERROR(file->SetPosition(file, 0))) {
		UINTN read = bytes;

		text = memory_take(bytes + 1);
		if (EFI_ERROR(file->Read(file, &read, text)) || read != bytes)
			text = NULL;
	}
	file->Close(file);
	return text;
}

static bool put(EFI_FILE_HANDLE file, const char *text) {
	UINTN length = strlen(text), written = length;
	bool good = !EFI_ERROR(file->Write(file, &written, (void *)(uintptr_t)text)) &&
		    written == length && !EFI_ERROR(file->Flush(file));

	file->Close(file);
	return good;
}

#define WRITING (EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE)

bool file_write(const char *path, const char *text) {
	EFI_FILE_HANDLE file = file_open(path, WRITING);

	/* Firmware writes into a file, it does not shorten it. */
	if (file)
		file->Delete(file);
	file = file_open(path, WRITING | EFI_FILE_MODE_CREATE);
	return file && put(file, text);
}

bool file_append(const char *path, const char *text) {
	EFI_FILE_HANDLE file = file_open(path, WRITING | EFI_FILE_MODE_CREATE);

	if (!file)
		return false;
	file->SetPosition(file, UINT64_MAX);
	return put(file, text);
}
