package scheduler

import "hypernova/nova/scheduler/snapshot"

// Reload decides by other filters and weighers from the next request on. With an error the old ones stay.
func (s *Scheduler) Reload(c Config) error {
	fresh, err := New(c, snapshot.Config{}, s.store, nil) // only its rules are used
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.forced = fresh.all, fresh.forced
	return nil
}
