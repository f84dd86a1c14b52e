/* SPDX-License-Identifier: Apache-2.0 */
/* VT-x without a processor: controls from capability registers, guest state, EPT entries, permission maps, exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "x86.h"

/* What interrupts.c asks of its processor. */
static u64 machine_check_status, in_service, ends;

static u64 model_msr_read(u32 index) {
	return index == MSR_MCG_STATUS ? machine_check_status : in_service;
}

static void model_msr_write(u32 index, u64 value) {
	assert_int_equal(index, X2APIC_EOI);
	assert_int_equal(value, 0);
	ends++;
}

#define cr2_read() 0ull
#define msr_read model_msr_read
#define msr_write model_msr_write
#include "../../arch/x86/interrupts.c"
#undef cr2_read
#undef msr_read
#undef msr_write

#include "../../arch/x86/vmx/controls.c"
#include "../../arch/x86/vmx/exits.c"
#include "../../arch/x86/vmx/msr_map.c"
#include "../../arch/x86/vmx/state_check.c"

/* --- what the included files need of others: a VMCS is an array here --- */

#define FIELDS 0x7000

#define CR4_VMXE BIT(13)

static u64 vmcs[FIELDS];
static enum vmx_entry entry_result;
static u32 entered;

u64 guest_efer(void) {
	return EFER_SCE | EFER_LME | EFER_NXE;
}

u64 vmcs_read(u32 field) {
	assert_true(field < FIELDS);
	return vmcs[field];
}

void vmcs_write(u32 field, u64 value) {
	assert_true(field < FIELDS);
	vmcs[field] = value;
}

enum vmx_entry vmx_enter(u64 *gpr, const volatile u32 *requests, bool launched) {
	(void)gpr;
	(void)requests;
	(void)launched;
	entered++;
	return entry_result;
}

void vmx_load_state(struct vcpu *vcpu) {
	(void)vcpu;
}

static u64 dr6;

void vmx_debug_hit(u64 hits) {
	dr6 = (dr6 & ~DEBUG_HITS) | hits;
}

void vcpu_inject(struct vcpu *vcpu, u8 vector, bool has_error, u32 error) {
	vcpu->event = EVENT_VALID | EVENT_TYPE_EXCEPTION | vector |
		      (has_error ? EVENT_HAS_ERROR : 0) | (u64)error << EVENT_ERROR_SHIFT;
}

bool guest_msr_is_passed(u32 index, bool write) {
	return index == 0x10 ? !write
			     : index == 0x808 || index == 0xc0000102 || index == 0xc0011fff;
}

/* --- controls --- */

/* Of a Bochs 3.1 corei7_skylake_x, with the TRUE registers: pin, processor, exit, entry, secondary. */
static const u64 skylake[CONTROL_SETS] = {0x000000ff00000016, 0xfff9fffe04006172,
					  0x407fffff00036dfb, 0x0000ffff000011fb,
					  0x02577fff00000000};
static u64 capabilities[CONTROL_SETS];
static u32 controls[CONTROL_SETS];
static char words[512];

static bool choose(void) {
	struct text_buffer buffer = text_buffer(words, sizeof(words));

	return controls_choose(capabilities, controls, &buffer.sink);
}

static int set_up(void **state) {
	(void)state;
	memcpy(capabilities, skylake, sizeof(capabilities));
	memset(vmcs, 0, sizeof(vmcs));
	entered = 0;
	entry_result = ENTRY_DONE;
	return 0;
}

static void forbid(enum control_set set, u32 bit) {
	capabilities[set] &= ~(BIT(bit) << 32);
}

static void controls_of_a_whole_processor(void **state) {
	(void)state;
	assert_true(choose());
	assert_string_equal(words, "");
	assert_int_equal(controls[CONTROL_PIN], 0x16 | BIT(3));
	/* External interrupts, HLT, CR3, INVLPG, RDTSC: none of them leaves the guest. */
	assert_int_equal(controls[CONTROL_PIN] & BIT(0), 0);
	assert_int_equal(controls[CONTROL_PROCESSOR],
			 0x04006172 | BIT(10) | BIT(11) | BIT(25) | BIT(28) | BIT(29) | BIT(31));
	assert_int_equal(controls[CONTROL_SECONDARY],
			 BIT(1) | BIT(3) | BIT(5) | BIT(7) | BIT(12) | BIT(20));
	/* Where there are enclaves, no guest uses them. */
	capabilities[CONTROL_SECONDARY] |= BIT(15 + 32) | BIT(28 + 32);
	assert_true(choose());
	assert_int_equal(controls[CONTROL_SECONDARY] & (BIT(15) | BIT(28)), BIT(15) | BIT(28));
	assert_int_equal(controls[CONTROL_EXIT], 0x36dfb | BIT(2) | BIT(9) | BITS(21, 18));
	assert_int_equal(controls[CONTROL_ENTRY], 0x11fb | BIT(2) | BIT(14) | BIT(15));
}

static void what_is_missing_is_named(void **state) {
	(void)state;
	forbid(CONTROL_SECONDARY, 1);
	forbid(CONTROL_SECONDARY, 7);
	assert_false(choose());
	assert_string_equal(words, "this processor's VT-x has no EPT; "
				   "this processor's VT-x has no unrestricted guest");
}

static void what_is_only_preferred_is_done_without(void **state) {
	(void)state;
	forbid(CONTROL_SECONDARY, 5); /* VPID */
	forbid(CONTROL_SECONDARY, 20); /* XSAVES */
	forbid(CONTROL_SECONDARY, 12); /* INVPCID */
	forbid(CONTROL_PROCESSOR, 10); /* MWAIT */
	forbid(CONTROL_PROCESSOR, 29); /* MONITOR */
	forbid(CONTROL_PIN, 6); /* the preemption timer: not used */
	assert_true(choose());
	assert_string_equal(words, "this processor's VT-x has no VPID: every exit costs more");
	assert_int_equal(controls[CONTROL_SECONDARY], BIT(1) | BIT(3) | BIT(7));
}

static void every_needed_control_is_checked(void **state) {
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(wishes); i++) {
		memcpy(capabilities, skylake, sizeof(capabilities));
		forbid(wishes[i].set, wishes[i].bit);
		assert_int_equal(choose(), wishes[i].need != NEEDED);
		if (wishes[i].need != WHERE_PRESENT)
			assert_non_null(strstr(words, wishes[i].name));
		assert_int_equal(controls[wishes[i].set] & BIT(wishes[i].bit), 0);
	}
}

/* Without TRUE registers CR3 accesses exit: nobody would serve them. */
static void a_forced_control_that_harms_is_refused(void **state) {
	(void)state;
	capabilities[CONTROL_PROCESSOR] |= BIT(15) | BIT(16);
	assert_false(choose());
	assert_string_equal(words, "this processor's VT-x forces processor controls 0x18000");
}

static void default_ones_are_honoured(void **state) {
	(void)state;
	choose();
	for (u32 set = 0; set < CONTROL_SETS; set++) {
		assert_int_equal(controls[set] & (u32)skylake[set], (u32)skylake[set]);
		assert_int_equal(controls[set] & ~(u32)(skylake[set] >> 32), 0);
	}
}

/* --- guest state --- */

static struct vcpu_state long_mode(void) {
	struct vcpu_state s = {.rip = 0x1000,
			       .rflags = RFLAGS_FIXED,
			       .cr0 = CR0_PE | CR0_PG,
			       .cr4 = CR4_PAE,
			       .efer = EFER_LME | EFER_LMA};

	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		s.segments[i] = (struct segment){16, SEGMENT_DATA_32, UINT32_MAX, 0};
	s.segments[SEG_CS].attributes = SEGMENT_CODE_64;
	s.segments[SEG_LDTR].attributes = SEGMENT_LDT;
	s.segments[SEG_TR] = (struct segment){0, SEGMENT_TSS_BUSY, 0x67, 0};
	return s;
}

static void good_states_pass(void **state) {
	struct vcpu_state s = long_mode();

	(void)state;
	assert_null(vmx_state_fault(&s));
	s.rip = 0x800000000000; /* no address, but a fault of the guest's own */
	assert_null(vmx_state_fault(&s));
	s = (struct vcpu_state){.rip = 0xfff0, .rflags = RFLAGS_FIXED, .cr0 = CR0_CD | CR0_NW};
	for (u32 i = 0; i < SEG_COUNT; i++)
		s.segments[i] = (struct segment){0, SEGMENT_DATA_16, 0xffff, 0};
	s.segments[SEG_LDTR].attributes = SEGMENT_LDT;
	s.segments[SEG_TR].attributes = SEGMENT_TSS_BUSY;
	assert_null(vmx_state_fault(&s));
}

#define WRONG(change, expected)                                                                    \
	do {                                                                                       \
		struct vcpu_state s = long_mode();                                                 \
		change;                                                                            \
		assert_non_null(vmx_state_fault(&s));                                              \
		assert_string_equal(vmx_state_fault(&s), expected);                                \
	} while (0)

static void bad_states_are_named(void **state) {
	(void)state;
	WRONG(s.cr0 = CR0_PG, "CR0 has paging without protection");
	WRONG(s.cr0 |= BIT(40), "CR0 has reserved bits");
	WRONG(s.cr4 = 0, "EFER.LMA without paging or CR4.PAE");
	WRONG(s.efer = EFER_LMA, "EFER.LMA is not EFER.LME with paging");
	WRONG(s.efer |= EFER_AUTOIBRS, "EFER has reserved bits");
	WRONG(s.cr3 = BIT(60), "CR3 is beyond physical memory");
	WRONG(s.rflags = 0, "RFLAGS has reserved bits");
	WRONG(s.rflags |= BIT(17), "RFLAGS.VM outside protected mode");
	WRONG(s.segments[SEG_CS].attributes |= SEGMENT_DEFAULT_32, "CS is both 64-bit and 32-bit");
	WRONG((s.segments[SEG_CS].attributes = SEGMENT_CODE_32, s.rip = BIT(32)),
	      "RIP is not in CS");
	WRONG(s.segments[SEG_CS].attributes = 0, "CS is not present");
	WRONG(s.segments[SEG_TR].attributes = 0x89, "TR is no busy TSS");
	WRONG(s.segments[SEG_TR].attributes = 0x83, "TR is no busy TSS");
	WRONG(s.segments[SEG_LDTR].attributes = 0x83, "LDTR is no LDT");
	WRONG(s.gdtr.base = BIT(47), "a base is not canonical");
	WRONG(s.idtr.limit = 0x10000, "GDTR or IDTR has a limit of over 16 bits");
	WRONG(s.segments[SEG_DS].limit = 0x1000fff - 1,
	      "a segment's limit and granularity do not fit");
}

/* --- exits --- */

static struct vmx_vcpu vmx;
static struct vcpu vcpu;

static struct vcpu_exit take(u32 reason, u64 qualification) {
	struct vcpu_exit exit;

	vmcs[VMCS_EXIT_REASON] = reason;
	vmcs[VMCS_QUALIFICATION] = qualification;
	vmcs[VMCS_EXIT_LENGTH] = 2;
	vmcs[VMCS_GUEST_RIP] = 0x1000;
	vcpu.state = long_mode();
	vcpu.vendor = &vmx;
	vmx_run(&vcpu, &exit);
	return exit;
}

static void ports_are_decoded(void **state) {
	struct vcpu_exit exit = take(VMX_EXIT_IO, 0xcf80000 | 3);

	(void)state;
	assert_int_equal(exit.reason, EXIT_IO);
	assert_int_equal(exit.port, 0xcf8);
	assert_int_equal(exit.width, 4);
	assert_true(exit.write);
	assert_false(exit.string);
	assert_int_equal(exit.next_rip, 0x1002);
	exit = take(VMX_EXIT_IO, 0x3f80000 | BIT(3) | BIT(4));
	assert_int_equal(exit.width, 1);
	assert_false(exit.write);
	assert_true(exit.string);
}

static void nested_faults_are_decoded(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmcs[VMCS_GUEST_PHYSICAL] = 0xfec00010;
	exit = take(VMX_EXIT_EPT_VIOLATION, BIT(1) | BIT(7) | BIT(8));
	assert_int_equal(exit.reason, EXIT_NPF);
	assert_true(exit.write);
	assert_false(exit.fetch);
	assert_int_equal(exit.address, 0xfec00010);
	assert_false(exit.walk);
	assert_true(take(VMX_EXIT_EPT_VIOLATION, BIT(2)).fetch);
	assert_true(take(VMX_EXIT_EPT_VIOLATION, BIT(0) | BIT(7)).walk);
}

static void reasons_are_told_apart(void **state) {
	static const struct {
		u32 code;
		enum exit_reason reason;
	} expected[] = {{2, EXIT_SHUTDOWN},     {3, EXIT_OTHER},        {9, EXIT_OTHER},
			{10, EXIT_CPUID},       {11, EXIT_INSTRUCTION}, {13, EXIT_INSTRUCTION},
			{15, EXIT_INSTRUCTION}, {18, EXIT_INSTRUCTION}, {19, EXIT_INSTRUCTION},
			{27, EXIT_INSTRUCTION}, {31, EXIT_MSR},         {32, EXIT_MSR},
			{36, EXIT_INSTRUCTION}, {39, EXIT_INSTRUCTION}, {49, EXIT_OTHER},
			{50, EXIT_INSTRUCTION}, {53, EXIT_INSTRUCTION}, {55, EXIT_XSETBV},
			{60, EXIT_INSTRUCTION}, {61, EXIT_OTHER},       {63, EXIT_INSTRUCTION},
			{64, EXIT_INSTRUCTION}, {70, EXIT_INSTRUCTION}, {76, EXIT_INSTRUCTION},
			{77, EXIT_INSTRUCTION}};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(take(expected[i].code, 0).reason, expected[i].reason);
	assert_true(take(32, 0).write);
	assert_false(take(31, 0).write);
	assert_string_equal(take(9, 0).why, "task switch");
}

/* A guest that reads its own tables from where nothing is: what was being delivered comes once more. */
static void a_cut_delivery_is_repeated(void **state) {
	(void)state;
	vmcs[VMCS_INTERRUPTED_EVENT] = EVENT_VALID | BIT(12) | 0x41;
	take(VMX_EXIT_EPT_VIOLATION, BIT(0));
	assert_int_equal(vcpu.event, EVENT_VALID | 0x41);
	vmcs[VMCS_INTERRUPTED_EVENT] = EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | 14;
	vmcs[VMCS_INTERRUPTED_ERROR] = 2;
	take(VMX_EXIT_EPT_VIOLATION, BIT(0));
	assert_true(vcpu.event ==
		    (EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | 14 | 2ull << 32));
	/* It is what the next entry delivers. */
	vmcs[VMCS_INTERRUPTED_EVENT] = 0;
	take(VMX_EXIT_CPUID, 0);
	assert_int_equal(vmcs[VMCS_ENTRY_EVENT],
			 EVENT_VALID | EVENT_TYPE_EXCEPTION | EVENT_HAS_ERROR | 14);
	assert_int_equal(vmcs[VMCS_ENTRY_ERROR], 2);
	assert_int_equal(vcpu.event, 0);
	/* INT n runs again by itself. */
	vmcs[VMCS_INTERRUPTED_EVENT] = EVENT_VALID | EVENT_SOFTWARE | 0x80;
	take(VMX_EXIT_EPT_VIOLATION, BIT(0));
	assert_int_equal(vcpu.event, 0);
}

static void in_long_mode(bool is_64bit) {
	vmcs[VMCS_GUEST_EFER] = EFER_LME | EFER_LMA;
	vmcs[VMCS_GUEST_RIGHTS + VMCS_STEP * SEG_CS] = is_64bit ? 0xa09b : 0xc09b;
}

/* 32-bit code writes half a register, whatever 64-bit code has left in the other one. */
static void control_registers_of_32_bit_code(void **state) {
	(void)state;
	vmcs[VMCS_CR4_MASK] = BITS(63, 32);
	vcpu.state.gpr[GPR_RDX] = BIT(40) | CR4_MCE;
	vcpu.event = 0;
	in_long_mode(false);
	write_control_register(&vcpu, 4 | GPR_RDX << 8);
	assert_int_equal(vcpu.event, 0);
	assert_true(vmcs[VMCS_CR4_SHADOW] == CR4_MCE);
	in_long_mode(true);
	write_control_register(&vcpu, 4 | GPR_RDX << 8);
	assert_int_equal(vcpu.event & 0xff, EXCEPTION_GP);
}

/* Anybody in a guest can place an instruction there: it must not be an entry that is refused. */
static void addresses_of_32_bit_code_begin_again(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmx.launched = true;
	vmcs[VMCS_EXIT_REASON] = VMX_EXIT_CPUID;
	vmcs[VMCS_EXIT_LENGTH] = 2;
	vcpu.state.rip = 0xfffffffe; /* vmx_enter() leaves it where it was */
	in_long_mode(false);
	vmx_run(&vcpu, &exit);
	assert_int_equal(exit.next_rip, 0);
	in_long_mode(true);
	vmx_run(&vcpu, &exit);
	assert_true(exit.next_rip == 0x100000000);
	vmcs[VMCS_GUEST_EFER] = 0;
	vmx_run(&vcpu, &exit);
	assert_int_equal(exit.next_rip, 0);
}

/* Section 28.1: what the processor does on the way to the handler, and not before an exit. */
static void debug_exceptions_are_completed(void **state) {
	struct vcpu_exit exit;

	(void)state;
	dr6 = 0xffff0ff1;
	vmcs[VMCS_GUEST_DR7] = 0x400 | BIT(13) | 1;
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_TYPE_EXCEPTION | EXCEPTION_DB;
	exit = take(VMX_EXIT_EXCEPTION, BIT(13) | BIT(1));
	assert_int_equal(exit.reason, EXIT_EXCEPTION);
	assert_int_equal(exit.vector, EXCEPTION_DB);
	assert_int_equal(vmcs[VMCS_GUEST_DR7], 0x401);
	assert_int_equal(dr6, 0xffff0ff0 | BIT(13) | BIT(1));
	/* INT1 is behind its own instruction, without a further step. */
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | 5ull << 8 | EXCEPTION_DB;
	vmcs[VMCS_GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_TF;
	exit = take(VMX_EXIT_EXCEPTION, 0);
	assert_int_equal(vcpu.state.rip, 0x1002);
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_PENDING_DEBUG], 0);
}

/* Whoever steps through an instruction that we carry out stops behind it. */
static void steps_are_pending(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmx.launched = true;
	vmcs[VMCS_GUEST_RIP] = vmx.rip = vcpu.state.rip = 0x1000;
	vcpu.state.rflags = RFLAGS_FIXED | RFLAGS_TF;
	vmcs[VMCS_GUEST_RFLAGS] = vcpu.state.rflags;
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_PENDING_DEBUG], 0);
	vcpu.state.rip = 0x1002;
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_PENDING_DEBUG], BIT(14));
	/* Section 27.3.1.5 wants it in a shadow of STI or MOV SS, else the entry is refused. */
	vmcs[VMCS_PENDING_DEBUG] = 0;
	vmcs[VMCS_GUEST_SHADOW] = 2;
	vcpu.state.rip = vmx.rip;
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_PENDING_DEBUG], BIT(14));
	assert_int_equal(vmcs[VMCS_GUEST_SHADOW], 2);
}

static void control_registers_of_ours(void **state) {
	struct vcpu_exit exit;

	(void)state;
	in_long_mode(true);
	vmcs[VMCS_CR4_MASK] = CR4_VMXE | CR4_MCE | BITS(63, 32);
	vcpu.state.gpr[GPR_RAX] = 0;
	exit = take(VMX_EXIT_CONTROL_REGISTER, 0 | GPR_RDX << 8);
	assert_int_equal(exit.reason, EXIT_CONTROL);
	/* take() clears the registers: CR0 = 0 is believed, RIP stays. */
	assert_int_equal(vmcs[VMCS_CR0_SHADOW], 0);
	assert_int_equal(vcpu.event, 0);
	assert_int_equal(vcpu.state.rip, 0x1000);
	vcpu.event = 0;
	vcpu.state.gpr[GPR_RDX] = CR4_VMXE;
	write_control_register(&vcpu, 4 | GPR_RDX << 8);
	assert_int_equal(vcpu.event & 0xff, EXCEPTION_GP);
	vcpu.event = 0;
	vcpu.state.gpr[GPR_RDX] = CR4_MCE;
	write_control_register(&vcpu, 4 | GPR_RDX << 8);
	assert_int_equal(vcpu.event, 0);
	assert_int_equal(vmcs[VMCS_CR4_SHADOW], CR4_MCE);
	vcpu.state.gpr[GPR_RDX] = CR0_NW;
	write_control_register(&vcpu, 0 | GPR_RDX << 8);
	assert_int_equal(vcpu.event & 0xff, EXCEPTION_GP);
}

static void a_refused_entry_has_words(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmx.launched = true;
	exit = take(33 | (u32)EXIT_ENTRY_FAILED, 0);
	assert_int_equal(exit.reason, EXIT_INVALID);
	entry_result = ENTRY_REFUSED;
	vmcs[VMCS_INSTRUCTION_ERROR] = 7;
	exit = take(0, 0);
	assert_int_equal(exit.reason, EXIT_INVALID);
	assert_int_equal(exit.code, 7);
	assert_string_equal(exit.why, "its VMCS is not accepted");
	entry_result = ENTRY_NOT_TRIED;
	assert_int_equal(take(0, 0).reason, EXIT_NONE);
}

/* Not the guest's state: the loop notes it, ends the partition and clears MCIP. */
static void a_machine_check_on_the_way_in_is_one(void **state) {
	struct vcpu_exit exit = take(41 | (u32)EXIT_ENTRY_FAILED, 0);

	(void)state;
	assert_int_equal(exit.reason, EXIT_EXCEPTION);
	assert_int_equal(exit.vector, EXCEPTION_MC);
}

static void a_first_entry_is_checked_before(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmx.launched = false;
	vcpu.state = long_mode();
	vcpu.state.rflags = 0;
	vmx_run(&vcpu, &exit);
	assert_int_equal(exit.reason, EXIT_INVALID);
	assert_string_equal(exit.why, "RFLAGS has reserved bits");
	assert_int_equal(entered, 0);
}

static void an_instruction_carried_out_ends_the_shadow(void **state) {
	struct vcpu_exit exit;

	(void)state;
	vmx.launched = true;
	vmcs[VMCS_GUEST_RIP] = 0x1000;
	vcpu.state.rip = vmx.rip = 0x1000;
	vmcs[VMCS_GUEST_SHADOW] = 1;
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_GUEST_SHADOW], 1);
	vcpu.state.rip = 0x1002;
	vmx_run(&vcpu, &exit);
	assert_int_equal(vmcs[VMCS_GUEST_SHADOW], 0);
}

/* --- kicks --- */

/* Two pieces of code that an NMI must not continue, each with its end; only their addresses count. */
__asm__(".data\n"
	".globl cpu_idle_begin, cpu_idle_end, vmx_enter_begin, vmx_enter_end\n"
	"cpu_idle_begin: .skip 16\n"
	"cpu_idle_end: .skip 16\n"
	"vmx_enter_begin: .skip 64\n"
	"vmx_enter_end: .skip 16\n"
	".text\n");

static jmp_buf panicked;

_Noreturn void panic(const char *format, ...) {
	(void)format;
	longjmp(panicked, 1);
}

void faults_signal(void) {
}

static u64 continues_at(const char *rip) {
	struct interrupt_frame frame = {.vector = EXCEPTION_NMI, .rip = (uintptr_t)rip};

	interrupt_handler(&frame);
	return frame.rip;
}

/* It would enter the guest, or sleep, with a request that nobody kicks it out for again. */
static void a_kick_before_the_entry_is_not_lost(void **state) {
	(void)state;
	for (u32 i = 0; i < 64; i++)
		assert_true(continues_at(vmx_enter_begin + i) == (uintptr_t)vmx_enter_end);
	for (u32 i = 0; i < 16; i++)
		assert_true(continues_at(cpu_idle_begin + i) == (uintptr_t)cpu_idle_end);
	assert_true(continues_at(vmx_enter_end) == (uintptr_t)vmx_enter_end);
	assert_true(continues_at(cpu_idle_end + 15) == (uintptr_t)cpu_idle_end + 15);
}

static bool ends_as_interrupt(u64 vector) {
	struct interrupt_frame frame = {.vector = vector};

	ends = 0;
	if (setjmp(panicked))
		return false;
	interrupt_handler(&frame);
	return ends == 1;
}

/* A guest may send itself vector 18, and have it in service when the machine fails. */
static void a_machine_check_is_no_interrupt(void **state) {
	(void)state;
	in_service = BIT(EXCEPTION_MC);
	machine_check_status = 0;
	assert_true(ends_as_interrupt(EXCEPTION_MC));
	machine_check_status = MCG_MCIP;
	assert_false(ends_as_interrupt(EXCEPTION_MC));
	in_service = 0;
	assert_false(ends_as_interrupt(EXCEPTION_AC));
	assert_true(ends_as_interrupt(FIRST_EXTERNAL_VECTOR));
}

/* --- maps --- */

static u8 pages[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static bool leaves(const u8 *map, u32 bit) {
	return map[bit / 8] >> bit % 8 & 1;
}

/* Section 25.6.9: reads of 0.., reads of 0xc0000000.., writes of both. */
static void msr_map_of_vmx(void **state) {
	struct page_pool pool;
	const u8 *map;

	(void)state;
	page_pool_init(&pool, pages, 4);
	map = (const u8 *)vmx_msr_map(&pool);
	assert_non_null(map);
	assert_false(leaves(map, 0x10));
	assert_true(leaves(map, 2048 * 8 + 0x10));
	assert_false(leaves(map, 0x808));
	assert_false(leaves(map, 2048 * 8 + 0x808));
	assert_true(leaves(map, 0x809));
	assert_false(leaves(map, 1024 * 8 + 0x102));
	assert_false(leaves(map, 3072 * 8 + 0x102));
	assert_true(leaves(map, 1024 * 8 + 0x101));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(controls_of_a_whole_processor, set_up),
		cmocka_unit_test_setup(what_is_missing_is_named, set_up),
		cmocka_unit_test_setup(what_is_only_preferred_is_done_without, set_up),
		cmocka_unit_test_setup(every_needed_control_is_checked, set_up),
		cmocka_unit_test_setup(a_forced_control_that_harms_is_refused, set_up),
		cmocka_unit_test_setup(default_ones_are_honoured, set_up),
		cmocka_unit_test(good_states_pass),
		cmocka_unit_test(bad_states_are_named),
		cmocka_unit_test_setup(ports_are_decoded, set_up),
		cmocka_unit_test_setup(nested_faults_are_decoded, set_up),
		cmocka_unit_test_setup(reasons_are_told_apart, set_up),
		cmocka_unit_test_setup(a_cut_delivery_is_repeated, set_up),
		cmocka_unit_test_setup(control_registers_of_ours, set_up),
		cmocka_unit_test_setup(control_registers_of_32_bit_code, set_up),
		cmocka_unit_test_setup(addresses_of_32_bit_code_begin_again, set_up),
		cmocka_unit_test_setup(debug_exceptions_are_completed, set_up),
		cmocka_unit_test_setup(steps_are_pending, set_up),
		cmocka_unit_test_setup(a_refused_entry_has_words, set_up),
		cmocka_unit_test_setup(a_machine_check_on_the_way_in_is_one, set_up),
		cmocka_unit_test_setup(a_first_entry_is_checked_before, set_up),
		cmocka_unit_test_setup(an_instruction_carried_out_ends_the_shadow, set_up),
		cmocka_unit_test(a_kick_before_the_entry_is_not_lost),
		cmocka_unit_test(a_machine_check_is_no_interrupt),
		cmocka_unit_test(msr_map_of_vmx),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
