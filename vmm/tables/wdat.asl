/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog, which begins disabled: that is changed for a partition whose watchdog somebody watches. Periods
 * of 100 ms. A byte at 0x602 controls it (1: it runs, 0: it does not, 2: it is fed), a word at 0x604 is its counter.
 */
                                 Signature : "WDAT"    [Watchdog Action Table]
                              Table Length : 00000000
                                  Revision : 01
                                  Checksum : 00
                                    Oem ID : "BLKHD "
                              Oem Table ID : "BULKHEAD"
                              Oem Revision : 00000001
                           Asl Compiler ID : "BLKH"
                     Asl Compiler Revision : 00000001

                             Header Length : 00000020
                               PCI Segment : 00FF
                                   PCI Bus : FF
                                PCI Device : FF
                              PCI Function : FF
                                  Reserved : 000000
                              Timer Period : 00000064
                                 Max Count : 0000FFFF
                                 Min Count : 00000001
                     Flags (decoded below) : 00
                                   Enabled : 0
                       Stopped When Asleep : 0
                                  Reserved : 000000
                      Watchdog Entry Count : 00000007

                           Watchdog Action : 01 /* fed */
                               Instruction : 02
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 0000000000000602

                                     Value : 00000002
                             Register Mask : 00000002

                           Watchdog Action : 04 /* what is left */
                               Instruction : 01
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 10
                                Bit Offset : 00
                      Encoded Access Width : 02 [Word Access:16]
                                   Address : 0000000000000604

                                     Value : 00000000
                             Register Mask : 0000FFFF

                           Watchdog Action : 06 /* set the time */
                               Instruction : 03
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 10
                                Bit Offset : 00
                      Encoded Access Width : 02 [Word Access:16]
                                   Address : 0000000000000604

                                     Value : 00000000
                             Register Mask : 0000FFFF

                           Watchdog Action : 08 /* is it running? */
                               Instruction : 00
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 0000000000000602

                                     Value : 00000001
                             Register Mask : 00000001

                           Watchdog Action : 09 /* run */
                               Instruction : 02
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 0000000000000602

                                     Value : 00000001
                             Register Mask : 00000003

                           Watchdog Action : 0A /* is it stopped? */
                               Instruction : 00
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 0000000000000602

                                     Value : 00000000
                             Register Mask : 00000001

                           Watchdog Action : 0B /* stop */
                               Instruction : 02
                                  Reserved : 0000

                           Register Region : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 0000000000000602

                                     Value : 00000000
                             Register Mask : 00000003
