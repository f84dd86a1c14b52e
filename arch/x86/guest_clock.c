/* SPDX-License-Identifier: Apache-2.0 */
#include "guest_clock.h"
#include "device_registers.h" /* made of vmm/devices.txt */

#define NANOSECONDS 1000000000ull

struct cpuid guest_clock_cpuid(u32 leaf) {
	static const char signature[12] = "KVMKVMKVM";
	struct cpuid r = {0};

	if (leaf == GUEST_CLOCK_LEAF) {
		r.eax = GUEST_CLOCK_LEAF_LAST;
		memcpy(&r.ebx, signature, 4);
		memcpy(&r.ecx, signature + 4, 4);
		memcpy(&r.edx, signature + 8, 4);
	} else if (leaf == GUEST_CLOCK_LEAF + 1) {
		r.eax = (u32)(FEATURE_NO_IO_DELAY | FEATURE_CLOCK | FEATURE_CLOCK_STABLE);
	} else if (leaf == GUEST_CLOCK_LEAF_LAST) {
		r.eax = (u32)boot.inventory.tsc_khz;
	}
	return r;
}

/* Nanoseconds = ((ticks << shift) * multiplier) >> 32, with the multiplier in its upper half. */
static void set_rate(struct system_time *time) {
	u64 hz = boot.inventory.tsc_khz * 1000;

	while (hz > 2 * NANOSECONDS) {
		hz >>= 1;
		time->shift--;
	}
	while (hz <= NANOSECONDS) {
		hz <<= 1;
		time->shift++;
	}
	time->multiplier = (u32)((NANOSECONDS << 32) / hz);
}

/* The page is written once: the rate never changes, and the counter runs through. */
static bool start_system_time(struct vcpu *vcpu, u64 address) {
	struct partition *p = vcpu->partition;
	struct system_time time = {.version = 2, .flags = FLAG_TSC_STABLE};

	/* One base for all processors: what is derived from it cannot differ between them. */
	set_rate(&time);
	time.tsc = boot.wall_clock_tsc;
	return p->memory.write(&p->memory, address, &time, sizeof(time));
}

/* What the system time must be added to, so that the sum is the time of day. */
static bool write_wall_clock(struct vcpu *vcpu, u64 address) {
	struct partition *p = vcpu->partition;
	struct wall_clock clock = {.version = 2, .seconds = (u32)boot.wall_clock_seconds};

	return p->memory.write(&p->memory, address, &clock, sizeof(clock));
}

bool guest_clock_write_msr(struct vcpu *vcpu, u32 index, u64 value) {
	if (index == MSR_KVM_WALL_CLOCK)
		return write_wall_clock(vcpu, value);
	vcpu->clock_page = value;
	return !(value & CLOCK_ENABLE) || start_system_time(vcpu, value & ~CLOCK_ENABLE);
}
