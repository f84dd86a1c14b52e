# SPDX-License-Identifier: Apache-2.0
"""What a survey leaves on the volume that the image came from."""
import os
import re
import subprocess

PARTITION = "@@1048576"  # where make-esp.py puts the volume
FOLDER = "::/EFI/BOOT/"


def mtools(*arguments):
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1")
    return subprocess.run(arguments, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout.decode()


def read_back(disk, name):
    return mtools("mcopy", "-n", "-i", f"{disk}{PARTITION}", FOLDER + name, "-")


def expect_same_as_console(text, file):
    """The file is what the console showed, from the version on."""
    begin = text.rindex("bulkhead: version ")
    console = re.match(r"(?:bulkhead: .*\n)+", text[begin:])[0]
    assert file == console[:console.index("bulkhead: returning to firmware")]
