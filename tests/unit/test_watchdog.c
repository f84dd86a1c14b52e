/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog behind its two ports: runs when it is told to, and expires unless it is fed. Times are in milliseconds. */
#include "devices.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STOP = 0, RUN = 1, FEED = 2 };

static struct watchdog w;

static int fresh(void **state) {
	(void)state;
	w = (struct watchdog){0};
	return 0;
}

static void control(u32 value, u64 now) {
	watchdog_access(&w, false, true, &value, now);
}

static void set_periods(u32 value, u64 now) {
	watchdog_access(&w, true, true, &value, now);
}

static u32 read(bool counter, u64 now) {
	u32 value = UINT32_MAX;

	watchdog_access(&w, counter, false, &value, now);
	return value;
}

static void sleeps_until_it_is_armed(void **state) {
	(void)state;
	assert_false(watchdog_expired(&w, 0));
	assert_false(watchdog_expired(&w, UINT64_MAX));
	set_periods(5, 1000);
	control(FEED, 1000);
	assert_int_equal(read(false, 1000), STOP);
	assert_false(watchdog_expired(&w, UINT64_MAX));
}

static void expires_when_it_is_not_fed(void **state) {
	(void)state;
	set_periods(20, 500);
	control(RUN, 10000);
	assert_int_equal(read(false, 10000), RUN);
	assert_int_equal(read(true, 10000), 20);
	assert_int_equal(read(true, 11001), 9);
	assert_false(watchdog_expired(&w, 11999));
	assert_true(watchdog_expired(&w, 12000));
	assert_int_equal(read(true, 12000), 0);
	assert_int_equal(read(true, UINT64_MAX), 0);
}

static void food_gives_it_the_whole_time_again(void **state) {
	(void)state;
	set_periods(10, 0);
	control(RUN, 0);
	control(FEED, 900);
	assert_false(watchdog_expired(&w, 1899));
	assert_true(watchdog_expired(&w, 1900));
	set_periods(50, 1000); /* and so does another time */
	assert_false(watchdog_expired(&w, 5999));
	assert_true(watchdog_expired(&w, 6000));
}

static void can_be_stopped(void **state) {
	(void)state;
	set_periods(10, 0);
	control(RUN, 0);
	control(STOP, 500);
	assert_int_equal(read(false, 600), STOP);
	assert_false(watchdog_expired(&w, UINT64_MAX));
	control(RUN, 5000);
	assert_false(watchdog_expired(&w, 5999));
	assert_true(watchdog_expired(&w, 6000));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sleeps_until_it_is_armed, fresh),
		cmocka_unit_test_setup(expires_when_it_is_not_fed, fresh),
		cmocka_unit_test_setup(food_gives_it_the_whole_time_again, fresh),
		cmocka_unit_test_setup(can_be_stopped, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
