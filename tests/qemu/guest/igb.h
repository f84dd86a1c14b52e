/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IGB_H
#define IGB_H

/*
 * RESOURCE is the file of the physical function's registers. Returns when a child process answers, for ever; -1 when that
 * could not be, errno says why.
 */
int serve_virtual_function(const char *resource, unsigned int vf);

#endif
