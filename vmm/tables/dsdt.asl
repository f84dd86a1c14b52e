/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's firmware tables say of its devices. */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "BLKHD ", "BULKHEAD", 1)
{
    /*
     * What differs between partitions. acpi_build() finds each name and replaces its value: these
     * only have to be encoded as 64-bit integers. A length of zero means that there is none.
     */
    Name (WINB, 0x5741524D57494E42) /* 32-bit PCI memory window: base, length */
    Name (WINL, 0x5741524D57494E4C)
    Name (HIGB, 0x5741524D48494742) /* PCI memory window above 4 GiB */
    Name (HIGL, 0x5741524D4849474C)
    Name (ECMB, 0x5741524D45434D42) /* configuration space of bus 0: base, 1 MiB; 0: none */

    /* Off: what the sleep control register's type field takes (GUEST_SLEEP_TYPE_OFF). */
    Name (\_S5, Package () { 5, 0, 0, 0 })

    Scope (\_SB)
    {
        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_STA, 0x0F)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
            })
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (FIXD, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x0000, 0x0000, 0x0001)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x1000, 0xFFFF, 0x0000, 0xF000)
            })
            Name (LOWW, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000,,, LOWD)
            })
            Name (HIGW, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Prefetchable, ReadWrite,
                    0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
                    0x0000000000000000, 0x0000000000000000,,, HIGD)
            })
            CreateDWordField (LOWW, LOWD._MIN, LMIN)
            CreateDWordField (LOWW, LOWD._MAX, LMAX)
            CreateDWordField (LOWW, LOWD._LEN, LLEN)
            CreateQWordField (HIGW, HIGD._MIN, HMIN)
            CreateQWordField (HIGW, HIGD._MAX, HMAX)
            CreateQWordField (HIGW, HIGD._LEN, HLEN)

            Method (_CRS, 0, Serialized)
            {
                Local0 = FIXD
                If (WINL)
                {
                    LMIN = WINB
                    LMAX = WINB + WINL - 1
                    LLEN = WINL
                    Local0 = ConcatenateResTemplate (Local0, LOWW)
                }
                If (HIGL)
                {
                    HMIN = HIGB
                    HMAX = HIGB + HIGL - 1
                    HLEN = HIGL
                    Local0 = ConcatenateResTemplate (Local0, HIGW)
                }
                Return (Local0)
            }

            /* Pins A to D of every device lead to the same pins of the IO-APIC (VIRTUAL_IOAPIC_PCI). */
            Name (_PRT, Package ()
            {
                Package () { 0x0001FFFF, 0, 0, 16 }, Package () { 0x0001FFFF, 1, 0, 17 }, Package () { 0x0001FFFF, 2, 0, 18 }, Package () { 0x0001FFFF, 3, 0, 19 },
                Package () { 0x0002FFFF, 0, 0, 16 }, Package () { 0x0002FFFF, 1, 0, 17 }, Package () { 0x0002FFFF, 2, 0, 18 }, Package () { 0x0002FFFF, 3, 0, 19 },
                Package () { 0x0003FFFF, 0, 0, 16 }, Package () { 0x0003FFFF, 1, 0, 17 }, Package () { 0x0003FFFF, 2, 0, 18 }, Package () { 0x0003FFFF, 3, 0, 19 },
                Package () { 0x0004FFFF, 0, 0, 16 }, Package () { 0x0004FFFF, 1, 0, 17 }, Package () { 0x0004FFFF, 2, 0, 18 }, Package () { 0x0004FFFF, 3, 0, 19 },
                Package () { 0x0005FFFF, 0, 0, 16 }, Package () { 0x0005FFFF, 1, 0, 17 }, Package () { 0x0005FFFF, 2, 0, 18 }, Package () { 0x0005FFFF, 3, 0, 19 },
                Package () { 0x0006FFFF, 0, 0, 16 }, Package () { 0x0006FFFF, 1, 0, 17 }, Package () { 0x0006FFFF, 2, 0, 18 }, Package () { 0x0006FFFF, 3, 0, 19 },
                Package () { 0x0007FFFF, 0, 0, 16 }, Package () { 0x0007FFFF, 1, 0, 17 }, Package () { 0x0007FFFF, 2, 0, 18 }, Package () { 0x0007FFFF, 3, 0, 19 },
                Package () { 0x0008FFFF, 0, 0, 16 }, Package () { 0x0008FFFF, 1, 0, 17 }, Package () { 0x0008FFFF, 2, 0, 18 }, Package () { 0x0008FFFF, 3, 0, 19 },
                Package () { 0x0009FFFF, 0, 0, 16 }, Package () { 0x0009FFFF, 1, 0, 17 }, Package () { 0x0009FFFF, 2, 0, 18 }, Package () { 0x0009FFFF, 3, 0, 19 },
                Package () { 0x000AFFFF, 0, 0, 16 }, Package () { 0x000AFFFF, 1, 0, 17 }, Package () { 0x000AFFFF, 2, 0, 18 }, Package () { 0x000AFFFF, 3, 0, 19 },
                Package () { 0x000BFFFF, 0, 0, 16 }, Package () { 0x000BFFFF, 1, 0, 17 }, Package () { 0x000BFFFF, 2, 0, 18 }, Package () { 0x000BFFFF, 3, 0, 19 },
                Package () { 0x000CFFFF, 0, 0, 16 }, Package () { 0x000CFFFF, 1, 0, 17 }, Package () { 0x000CFFFF, 2, 0, 18 }, Package () { 0x000CFFFF, 3, 0, 19 },
                Package () { 0x000DFFFF, 0, 0, 16 }, Package () { 0x000DFFFF, 1, 0, 17 }, Package () { 0x000DFFFF, 2, 0, 18 }, Package () { 0x000DFFFF, 3, 0, 19 },
                Package () { 0x000EFFFF, 0, 0, 16 }, Package () { 0x000EFFFF, 1, 0, 17 }, Package () { 0x000EFFFF, 2, 0, 18 }, Package () { 0x000EFFFF, 3, 0, 19 },
                Package () { 0x000FFFFF, 0, 0, 16 }, Package () { 0x000FFFFF, 1, 0, 17 }, Package () { 0x000FFFFF, 2, 0, 18 }, Package () { 0x000FFFFF, 3, 0, 19 },
                Package () { 0x0010FFFF, 0, 0, 16 }, Package () { 0x0010FFFF, 1, 0, 17 }, Package () { 0x0010FFFF, 2, 0, 18 }, Package () { 0x0010FFFF, 3, 0, 19 },
                Package () { 0x0011FFFF, 0, 0, 16 }, Package () { 0x0011FFFF, 1, 0, 17 }, Package () { 0x0011FFFF, 2, 0, 18 }, Package () { 0x0011FFFF, 3, 0, 19 },
                Package () { 0x0012FFFF, 0, 0, 16 }, Package () { 0x0012FFFF, 1, 0, 17 }, Package () { 0x0012FFFF, 2, 0, 18 }, Package () { 0x0012FFFF, 3, 0, 19 },
                Package () { 0x0013FFFF, 0, 0, 16 }, Package () { 0x0013FFFF, 1, 0, 17 }, Package () { 0x0013FFFF, 2, 0, 18 }, Package () { 0x0013FFFF, 3, 0, 19 },
                Package () { 0x0014FFFF, 0, 0, 16 }, Package () { 0x0014FFFF, 1, 0, 17 }, Package () { 0x0014FFFF, 2, 0, 18 }, Package () { 0x0014FFFF, 3, 0, 19 },
                Package () { 0x0015FFFF, 0, 0, 16 }, Package () { 0x0015FFFF, 1, 0, 17 }, Package () { 0x0015FFFF, 2, 0, 18 }, Package () { 0x0015FFFF, 3, 0, 19 },
                Package () { 0x0016FFFF, 0, 0, 16 }, Package () { 0x0016FFFF, 1, 0, 17 }, Package () { 0x0016FFFF, 2, 0, 18 }, Package () { 0x0016FFFF, 3, 0, 19 },
                Package () { 0x0017FFFF, 0, 0, 16 }, Package () { 0x0017FFFF, 1, 0, 17 }, Package () { 0x0017FFFF, 2, 0, 18 }, Package () { 0x0017FFFF, 3, 0, 19 },
                Package () { 0x0018FFFF, 0, 0, 16 }, Package () { 0x0018FFFF, 1, 0, 17 }, Package () { 0x0018FFFF, 2, 0, 18 }, Package () { 0x0018FFFF, 3, 0, 19 },
                Package () { 0x0019FFFF, 0, 0, 16 }, Package () { 0x0019FFFF, 1, 0, 17 }, Package () { 0x0019FFFF, 2, 0, 18 }, Package () { 0x0019FFFF, 3, 0, 19 },
                Package () { 0x001AFFFF, 0, 0, 16 }, Package () { 0x001AFFFF, 1, 0, 17 }, Package () { 0x001AFFFF, 2, 0, 18 }, Package () { 0x001AFFFF, 3, 0, 19 },
                Package () { 0x001BFFFF, 0, 0, 16 }, Package () { 0x001BFFFF, 1, 0, 17 }, Package () { 0x001BFFFF, 2, 0, 18 }, Package () { 0x001BFFFF, 3, 0, 19 },
                Package () { 0x001CFFFF, 0, 0, 16 }, Package () { 0x001CFFFF, 1, 0, 17 }, Package () { 0x001CFFFF, 2, 0, 18 }, Package () { 0x001CFFFF, 3, 0, 19 },
                Package () { 0x001DFFFF, 0, 0, 16 }, Package () { 0x001DFFFF, 1, 0, 17 }, Package () { 0x001DFFFF, 2, 0, 18 }, Package () { 0x001DFFFF, 3, 0, 19 },
                Package () { 0x001EFFFF, 0, 0, 16 }, Package () { 0x001EFFFF, 1, 0, 17 }, Package () { 0x001EFFFF, 2, 0, 18 }, Package () { 0x001EFFFF, 3, 0, 19 },
                Package () { 0x001FFFFF, 0, 0, 16 }, Package () { 0x001FFFFF, 1, 0, 17 }, Package () { 0x001FFFFF, 2, 0, 18 }, Package () { 0x001FFFFF, 3, 0, 19 }
            })

            /* Nothing is granted: ports and their error reporting stay with the hypervisor. */
            Method (_OSC, 4, Serialized)
            {
                CreateDWordField (Arg3, 0, STAT)
                If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    If (Arg2 >= 3)
                    {
                        CreateDWordField (Arg3, 8, CTRL)
                        If (CTRL)
                        {
                            STAT |= 0x10 /* capabilities masked */
                            CTRL = 0
                        }
                    }
                }
                Else
                {
                    STAT |= 0x04 /* unrecognised UUID */
                }
                Return (Arg3)
            }
        }

        /* Addresses that no device may be moved to. */
        Device (RSVD)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 0)
            Name (PORT, ResourceTemplate ()
            {
                IO (Decode16, 0x0600, 0x0600, 0x01, 0x02) /* sleep control and status */
            })
            Name (ECAM, ResourceTemplate ()
            {
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x0000000000000000, 0x0000000000000000, 0x00000000000FFFFF,
                    0x0000000000000000, 0x0000000000100000,,, ECMD)
            })
            CreateQWordField (ECAM, ECMD._MIN, EMIN)
            CreateQWordField (ECAM, ECMD._MAX, EMAX)

            Method (_CRS, 0, Serialized)
            {
                If (ECMB)
                {
                    EMIN = ECMB
                    EMAX = ECMB + 0x000FFFFF
                    Return (ConcatenateResTemplate (PORT, ECAM))
                }
                Return (PORT)
            }
        }
    }
}
