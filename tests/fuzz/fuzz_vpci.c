/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are accesses of a guest to configuration space, ports and registers, eight bytes each. */
#include "../unit/model/vpci_model.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
	static struct model model;

	model_init(&model);
	model.bars_stick = size & 1;
	if (size & 2)
		model.reset_time = 5000;
	if (size & 4)
		model.mappings_max = 2;
	model_run(&model, data, size);
	model_start_again(&model);
	MODEL_CHECK(!model.mapping_count);
	model_free(&model);
	return 0;
}
