package diskformat

// gpt detects a partition table: a GPT, which has a protective MBR in front, or an MBR. The boot sector of a FAT file
// system, which looks similar, does not count.
func gpt(d data) (Info, bool) {
	i := Info{Format: GPT, Virtual: -1}
	if len(d.head) < 512 || !d.has(510, "\x55\xaa") || d.head[0x10] == 2 && d.head[0x15] == 0xf8 {
		return i, false
	}
	i.Partitions = partitions(d.head[446:510])
	return i, true
}

// partitions returns what is wrong with the four entries of an MBR, or an empty string.
func partitions(table []byte) (why string) {
	used, protective := []int{}, false
	for n := range 4 {
		e := table[16*n : 16*n+16]
		if e[0] != 0 && e[0] != 0x80 {
			return "an entry of its partition table has no valid boot flag"
		}
		if e[4] != 0 {
			used = append(used, n)
		}
		if e[4] != 0xee {
			continue
		}
		protective = true
		if e[1] != 0 || e[2] != 2 || e[3] != 0 || le32(e[8:]) != 1 {
			return "its protective partition does not begin at the second sector"
		}
	}
	switch {
	case protective && (len(used) != 1 || used[0] != 0):
		return "its protective partition is not the only one"
	case len(used) == 0:
		return "its partition table is empty"
	}
	return ""
}
