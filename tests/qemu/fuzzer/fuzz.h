/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "fuzzer.h"

/* What the files of the random steps share. */

#define FLAG_TF 0x100u
#define FLAG_IF 0x200u
#define FLAG_DF 0x400u
#define FLAG_IOPL 0x3000u
#define FLAGS_RANDOM 0x257cd5u /* all but VM, IF, TF and what is reserved */
#define CODE_USUAL 0x100u

/* --- draw.c --- */

/* All that follows comes from these two numbers. */
void seed_step(u64 seed, u64 step);
u64 draw(void);
u64 below(u64 limit);
bool one_in(u64 n);
u64 draw_value(void);
/* A physical address where something begins or ends, or is. */
u64 draw_address(void);
u32 draw_msr(void);
u16 draw_port(void);
/* An address for a register that makes the hypervisor write there. */
u64 draw_clock(void);
struct trial draw_registers(void);
enum mode draw_mode(void);
/* Puts the data window somewhere, and RBX, RSI or RDI to it; without paging, to the place itself. */
u64 draw_window(struct trial *t, bool paged);
/* An instruction for a device's register, at most 24 bytes; returns how many. */
u32 draw_device_code(enum mode mode, u8 *bytes);
/* Whether this write to a port switches off or resets the partition. */
bool is_power(u16 port, u32 value);
bool is_paged(enum mode mode);

/* --- steps.c and deadly.c: each makes one step and returns the vector that ended it --- */

u32 step_port(void);
u32 step_msr(void);
u32 step_cpuid(void);
u32 step_xsetbv(void);
u32 step_control(void);
u32 step_debug(void);
u32 step_device(void);
u32 step_crossing(void);
u32 step_icr(void);
u32 step_instruction(void);
u32 step_random_user(void);
u32 step_random_kernel(void);
u32 step_config(void);
u32 step_reset(void);
/* Whether the function was away after the last of these. */
extern bool reset_taken;
u32 step_deadly(void);
