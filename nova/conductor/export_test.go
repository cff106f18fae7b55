package conductor

// SetCrash lets tests end a job between the things it does.
func (c *Conductor) SetCrash(f func(point string)) { c.crash = f }
