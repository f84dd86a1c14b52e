/* SPDX-License-Identifier: Apache-2.0 */
/* One IO-APIC. Records of processors are appended for each partition. */
                                 Signature : "APIC"    [Multiple APIC Description Table (MADT)]
                              Table Length : 00000000
                                  Revision : 05
                                  Checksum : 00
                                    Oem ID : "BLKHD "
                              Oem Table ID : "BULKHEAD"
                              Oem Revision : 00000001
                           Asl Compiler ID : "BLKH"
                     Asl Compiler Revision : 00000001

                        Local Apic Address : FEE00000
                     Flags (decoded below) : 00000000
                       PC-AT Compatibility : 0

                             Subtable Type : 01 [I/O APIC]
                                    Length : 0C
                               I/O Apic ID : 00
                                  Reserved : 00
                                   Address : FEC00000
                                 Interrupt : 00000000
