/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of bus 0. Its base is filled in for each partition. */
                                 Signature : "MCFG"    [Memory Mapped Configuration table]
                              Table Length : 00000000
                                  Revision : 01
                                  Checksum : 00
                                    Oem ID : "BLKHD "
                              Oem Table ID : "BULKHEAD"
                              Oem Revision : 00000001
                           Asl Compiler ID : "BLKH"
                     Asl Compiler Revision : 00000001

                                  Reserved : 0000000000000000

                              Base Address : 0000000000000000
                      Segment Group Number : 0000
                          Start Bus Number : 00
                            End Bus Number : 00
                                  Reserved : 00000000
