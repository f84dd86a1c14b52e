/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every rule of the file, for config_report(): its name, and the text. The first line of the text is
 * the message, the last one the way to mend it, those between are reasons. docs/configuration.md has
 * a sentence on each.
 */

/* clang-format off */
#define TEXT_ENCODING "text-encoding", "byte 0x%02x is a control character or no UTF-8\nremove it, or save the file as UTF-8 text"
#define LINE_FORM "line-form", "`%s` is no comment, no [section] and no `key = value`\nwrite `key = value`, or begin the line with #"
#define SECTION_FORM "section-form", "this section header does not end with its `]`\nwrite `[hypervisor]` or `[partition NAME]`, and a blank before a #"
#define SECTION_UNKNOWN "section-unknown", "`[%s]` is no section of this file\nwrite `[hypervisor]` or `[partition NAME]`"
#define SECTION_DUPLICATE "section-duplicate", "[hypervisor] stands a second time, after line %u\nmove its keys there"
#define QUOTE_OPEN "quote-open", "this quote does not end on its line\nend it with \", and write \\\" for a quote within it"
#define QUOTE_TAIL "quote-tail", "text follows the closing quote\nput all of it between the quotes, and write \\\" for a quote within it"
#define KEY_OUTSIDE "key-outside", "`%s` stands before the first section\nwrite `[hypervisor]` or `[partition NAME]` above it"
#define KEY_UNKNOWN "key-unknown", "`%s` is no key of %s\n%s `%s`"
#define KEY_DUPLICATE "key-duplicate", "`%s` stands a second time, after line %u\nremove one of the two lines"
#define KEY_MISSING "key-missing", "partition \"%s\" has no `%s`, which every partition needs\nadd for example `%s = %s`"
#define VALUE_MALFORMED "value-malformed", "`%s` takes %s, not `%s`\nwrite for example `%s = %s`"
#define NO_PARTITION "no-partition", "the file has no partition, so there is nothing to start\nadd a `[partition NAME]` with `cpus`, `memory` and `kernel`"
#define PARTITION_NAME "partition-name", "\"%s\" cannot be a partition's name\nwrite 1 to %u letters, digits, - and _"
#define PARTITION_DUPLICATE "partition-duplicate", "the partition of line %u is called \"%s\" too\ngive one of them another name"
#define PARTITION_LIMIT "partition-limit", "partition \"%s\" is one too many: %u are the most\nremove it"
#define CPU_UNKNOWN "cpu-unknown", "partition \"%s\" asks for processor %u, and this machine has %u, counted from 0\nuse 0 to %u"
#define CPU_SHARED "cpu-shared", "processor %u belongs to partition \"%s\" (line %u) already\ntake it out of one of the lists"
#define CORE_SHARED "core-shared", "processor %u is a thread of the core of processor %u, which belongs to partition \"%s\" (line %u)\nthreads of one core share caches and buffers that a partition could read another's data from\ngive both to one partition, or leave one of them out"
#define MEMORY_SIZE "memory-size", "`%s` for partition \"%s\" is less than 16M, or no multiple of 2M, the unit in which memory is mapped\nwrite `memory = %lluM`"
#define MEMORY_TOO_LARGE "memory-too-large", "no place for the %lluM of partition \"%s\": the largest free piece is %lluM\na partition's memory is one piece, and the largest partition is placed first\nmake it or other partitions smaller"
#define IMAGE_MISSING "image-missing", "partition \"%s\" needs the file `%s`, which is not there, or empty\nput it beside this file, or correct its name"
#define IMAGE_TOO_LARGE "image-too-large", "the images of partition \"%s\" have %lu bytes, more than its memory of %lluM\ngive it more memory"
#define TRUST_PORT "trust-port", "%s is no port of this machine, or a line above trusts it already\nremove the line, or name the port that the reasons of a group blame"
#define SRIOV_REFUSED "sriov-refused", "%s cannot have %u virtual functions\n%s\nname a physical function with SR-IOV once, with a number from 1 to what it offers (here %u)"
#define SRIOV_OWNER "sriov-owner", "partition \"%s\" has %s, which switches virtual functions off and on, but not its virtual function %s\nadd `device = %s`, or leave the physical function to the hypervisor"
#define DEVICE_UNKNOWN "device-unknown", "this machine has no function %s%s%s\nname a function that `bulkhead groups` or the survey lists"
#define DEVICE_AMBIGUOUS "device-ambiguous", "this machine has %u functions %s, the last of them %s\nname one by its address"
#define DEVICE_NOT_ASSIGNABLE "device-not-assignable", "%s (class 0x%06x) %s\nremove the line"
#define DEVICE_SHARED "device-shared", "%s belongs to partition \"%s\" (line %u) already\nremove one of the two lines"
#define GROUP_SPLIT "group-split", "%s shares isolation group %u with %s, which partition \"%s\" does not own\n%swrite `group = %s`"
#define NO_IOMMU "no-iommu", "firmware describes no IOMMU (no DMAR or IVRS table), so no partition can have devices\nswitch VT-d, AMD-Vi or IOMMU on in the firmware's setup, or remove the `device` and `group` lines"
#define NO_INTERRUPT_REMAPPING "no-interrupt-remapping", "the IOMMU does not remap interrupts, so no partition can have devices\na device could send any interrupt to any processor\nswitch interrupt remapping (or x2APIC) on in the firmware's setup, or remove the `device` and `group` lines"
#define DEVICE_UNCOVERED "device-uncovered", "no IOMMU translates the requests of %s\nremove it: the firmware's DMAR or IVRS table leaves it out"
#define DEVICE_REGISTERS "device-registers", "firmware has placed registers of %s at 0x%lx, 0x%lx bytes, over %s\nreset the firmware's setup to its defaults or update it, or remove the line"
#define RESERVED_MEMORY "reserved-memory", "firmware wants %s to reach 0x%lx-0x%lx, over %s\nremove the line, or end this use of the device in the firmware's setup"
/* Said instead of all else, and written where there is no memory: a struct diagnostic. */
#define OUT_OF_MEMORY "out-of-memory", "the file needs more working memory than there is: it was not checked", NULL, "make the file smaller"
/* clang-format on */
