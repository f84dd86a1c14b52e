/* SPDX-License-Identifier: Apache-2.0 */
/* The partition's UART is its console. */
                                 Signature : "SPCR"    [Serial Port Console Redirection table]
                              Table Length : 00000000
                                  Revision : 02
                                  Checksum : 00
                                    Oem ID : "BLKHD "
                              Oem Table ID : "BULKHEAD"
                              Oem Revision : 00000001
                           Asl Compiler ID : "BLKH"
                     Asl Compiler Revision : 00000001

                            Interface Type : 00
                                  Reserved : 000000

                      Serial Port Register : [Generic Address Structure]
                                  Space ID : 01 [SystemIO]
                                 Bit Width : 08
                                Bit Offset : 00
                      Encoded Access Width : 01 [Byte Access:8]
                                   Address : 00000000000003F8

                            Interrupt Type : 02
                       PCAT-compatible IRQ : 00
                                 Interrupt : 00000004
                                 Baud Rate : 07
                                    Parity : 00
                                 Stop Bits : 01
                              Flow Control : 00
                             Terminal Type : 03
                                  Reserved : 00
                             PCI Device ID : FFFF
                             PCI Vendor ID : FFFF
                                   PCI Bus : 00
                                PCI Device : 00
                              PCI Function : 00
                                 PCI Flags : 00000000
                               PCI Segment : 00
                                  Reserved : 00000000
