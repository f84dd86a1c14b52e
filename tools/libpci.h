/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What libpci does for us. It has types of the names that we use, and ends the program on errors:
 * hence this narrow interface.
 */

/* A function with as much of its configuration space as may be read. False: go no further. */
struct libpci_visitor {
	bool (*visit)(const struct libpci_visitor *visitor, uint32_t segment, uint8_t bus,
		      uint8_t devfn, const uint8_t *bytes, uint32_t size);
};

/*
 * Visits each function of what `lspci -xxxx` wrote into DUMP; of this machine where DUMP is NULL. False,
 * with words in ERROR, where libpci refuses or the visitor did.
 */
bool libpci_visit(const char *dump, const struct libpci_visitor *visitor, char *error,
		  size_t error_size);

/* Names out of pci.ids. */
struct libpci_names;
struct libpci_names *libpci_names_open(void);
void libpci_names_close(struct libpci_names *names);
/* "Intel Corporation 82574L Gigabit Network Connection" into TEXT; NULL: unknown. */
const char *libpci_device(struct libpci_names *names, uint16_t vendor, uint16_t device, char *text,
			  size_t size);
/* "Ethernet controller"; NULL: unknown. CLASS as 0x0200. */
const char *libpci_class(struct libpci_names *names, uint16_t class, char *text, size_t size);
