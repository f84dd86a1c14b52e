/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"
#include "x86.h"

/* The KVM clock interface (Linux: Documentation/virt/kvm/x86/{cpuid,msr}.rst), which stock kernels know. */
#define GUEST_CLOCK_LEAF 0x40000000u
#define GUEST_CLOCK_LEAF_LAST 0x40000010u
#define MSR_KVM_WALL_CLOCK 0x4b564d00u
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u

struct cpuid guest_clock_cpuid(u32 leaf);
bool guest_clock_write_msr(struct vcpu *vcpu, u32 index, u64 value);
