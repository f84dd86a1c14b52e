/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exit status: for each subcommand as docs say; wrong use is the same everywhere. */
enum command_status {
	COMMAND_FINE = 0,
	COMMAND_FAILED = 1, /* what was asked about is wrong, or cannot be read */
	COMMAND_WRONG_USE = 2,
};

/* Each gets the arguments after its name. */
int command_groups(int argc, char **argv);
int command_acpi(int argc, char **argv);
int command_check(int argc, char **argv);
int command_check_cpu(int argc, char **argv); /* check --cpu */
int command_draft(int argc, char **argv);
