package layout

// Upgrade ends the processes of a name as an operator does, and starts them again from another binary, which they keep.
func (c *Cloud) Upgrade(name, binary string) error {
	for _, s := range named(c.specs, name) {
		p, err := c.Part(s.name)
		if err == nil {
			err = p.Stop()
		}
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.binaries[s.name] = binary
		c.mu.Unlock()
	}
	return c.Begin(name)
}

// program is the binary of a process.
func (c *Cloud) program(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.binaries[name]; b != "" {
		return b
	}
	return c.binary
}
