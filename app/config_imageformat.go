package app

import "slices"

// ImageFormat is [image_format].
type ImageFormat struct {
	Match    bool     `conf:"require_image_format_match" default:"true" help:"Refuse image data that is not of the disk_format of its image. Data that could make a hypervisor read files of the host is refused anyway."`
	Nonfatal []string `conf:"gpt_safety_checks_nonfatal" enum:"mbr|gptmbr" help:"Which checks of a disk's partition table are not held against it: mbr for all of them."`
}

// partitions tells that odd partition tables are taken.
func (f ImageFormat) partitions() bool { return slices.Contains(f.Nonfatal, "mbr") }
