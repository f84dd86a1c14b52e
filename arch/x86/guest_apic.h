/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "machine.h"

/* A trapped x2APIC register. False: #GP for the guest. */
bool guest_apic_write(struct vcpu *vcpu, u32 index, u64 value);
