package domain

import "libvirt.org/go/libvirtxml"

// SPICE is the settings of the screens by SPICE of a host's guests. An empty text leaves the choice to SPICE.
type SPICE struct {
	Listen string // address; empty: 127.0.0.1
	Agent  bool   // guests have a channel to the SPICE agent in them
	Secure bool   // connections without TLS are refused
	// How images, sound ("on", "off") and moving parts of the screen are sent.
	Image, JPEG, ZLib, Playback, Streaming string
}

// graphics is the SPICE server of a guest; libvirt chooses its ports.
func (s *SPICE) graphics() libvirtxml.DomainGraphic {
	g := &libvirtxml.DomainGraphicSpice{AutoPort: "yes", Listeners: []libvirtxml.DomainGraphicListener{
		{Address: &libvirtxml.DomainGraphicListenerAddress{Address: s.Listen}}}}
	if s.Listen == "" {
		g.Listeners[0].Address.Address = "127.0.0.1"
	}
	if s.Image != "" {
		g.Image = &libvirtxml.DomainGraphicSpiceImage{Compression: s.Image}
	}
	if s.JPEG != "" {
		g.JPEG = &libvirtxml.DomainGraphicSpiceJPEG{Compression: s.JPEG}
	}
	if s.ZLib != "" {
		g.ZLib = &libvirtxml.DomainGraphicSpiceZLib{Compression: s.ZLib}
	}
	if s.Playback != "" {
		g.Playback = &libvirtxml.DomainGraphicSpicePlayback{Compression: s.Playback}
	}
	if s.Streaming != "" {
		g.Streaming = &libvirtxml.DomainGraphicSpiceStreaming{Mode: s.Streaming}
	}
	if s.Secure {
		for _, name := range []string{"main", "display", "inputs", "cursor", "playback", "record", "smartcard",
			"usbredir"} {
			g.Channel = append(g.Channel, libvirtxml.DomainGraphicSpiceChannel{Name: name, Mode: "secure"})
		}
	}
	return libvirtxml.DomainGraphic{Spice: g}
}
