package scheduler

// Reload uses new options of filters and weighers from the next request on. On an error it keeps the old ones.
func (s *Scheduler) Reload(c Config) error {
	fresh, err := New(c, Deps{}) // only its filters and weighers are used
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.forced = fresh.all, fresh.forced
	return nil
}
