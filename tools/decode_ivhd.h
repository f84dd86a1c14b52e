/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "acpi.h"
#include "report.h"

/* Bytes before the device entries of an IVHD of TYPE; 0 when it is no IVHD. */
u32 decode_ivhd_bytes(u32 type);
/* The IVHD of LENGTH bytes at OFFSET, which lies within the table and is not too short. */
void decode_ivhd(struct report *report, struct acpi_table table, u32 offset, u32 length);
