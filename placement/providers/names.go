package providers

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/store"
)

// KnownTraits is fault.Invalid naming those that do not exist.
func (s *Service) KnownTraits(ctx context.Context, names []string) error {
	return known(ctx, s.d, names, s.traits, store.CustomTrait, "No such trait(s): %s.")
}

// KnownClasses is fault.Invalid naming those that do not exist.
func (s *Service) KnownClasses(ctx context.Context, names []string) error {
	return known(ctx, s.d, names, s.classes, store.CustomClass, "Invalid resource class: %s does not exist.")
}

func known(ctx context.Context, on db.Querier, names []string, standard map[string]bool, custom *db.Query[string], text string) error {
	var missing []string
	for _, n := range names {
		if standard[n] {
			continue
		}
		_, err := custom.One(ctx, on, n)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, n)
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fault.Invalidf(text, strings.Join(missing, ", "))
}

// Traits lists all names, the users' own included, in order.
func (s *Service) Traits(ctx context.Context) ([]string, error) {
	own, err := store.CustomTraits.All(ctx, s.d)
	if err != nil {
		return nil, err
	}
	all := append(placement.StandardTraits(), own...)
	slices.Sort(all)
	return all, nil
}

// UsedTraits lists those that a provider has, in order.
func (s *Service) UsedTraits(ctx context.Context) ([]string, error) {
	return store.UsedTraits.All(ctx, s.d)
}

// HasTrait says whether the name exists.
func (s *Service) HasTrait(ctx context.Context, name string) (bool, error) {
	return exists(s.KnownTraits(ctx, []string{name}))
}

// HasClass says whether the name exists.
func (s *Service) HasClass(ctx context.Context, name string) (bool, error) {
	return exists(s.KnownClasses(ctx, []string{name}))
}

func exists(err error) (bool, error) {
	if fault.Is(err, fault.Invalid) {
		return false, nil
	}
	return err == nil, err
}

// AddTrait adds a user's own name; false if it was there.
func (s *Service) AddTrait(ctx context.Context, name string) (bool, error) {
	if !placement.IsCustomName(name) {
		return false, fault.Invalidf("The trait is invalid: it must start with CUSTOM_, have at most 255 characters, and only A-Z, 0-9 and _.")
	}
	n, err := store.AddCustomTrait.Do(ctx, s.d, name, db.At(s.now()))
	return n > 0, err
}

// DropTrait removes a user's own name that no provider has.
func (s *Service) DropTrait(ctx context.Context, name string) error {
	if s.traits[name] {
		return fault.Invalidf("Cannot delete standard trait %s.", name)
	}
	return s.d.Tx(ctx, func(tx *db.Tx) error {
		used, err := store.TraitInUse.One(ctx, tx, name)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.Conflictf("The trait %s is in use by a resource provider.", name)
		}
		n, err := store.DropCustomTrait.Do(ctx, tx, name)
		if err == nil && n == 0 {
			return fault.NotFoundf("No such trait(s): %s.", name)
		}
		return err
	})
}

// Classes lists all names: the standard ones, then the users' own by age.
func (s *Service) Classes(ctx context.Context) ([]string, error) {
	own, err := store.CustomClasses.All(ctx, s.d)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(placement.StandardClasses()), own...), nil
}

// AddClass adds a user's own name; false if it was there.
func (s *Service) AddClass(ctx context.Context, name string) (bool, error) {
	if !placement.IsCustomName(name) {
		return false, fault.Invalidf("The resource class name is invalid: it must start with CUSTOM_, have at most 255 characters, and only A-Z, 0-9 and _.")
	}
	n, err := store.AddCustomClass.Do(ctx, s.d, name, db.At(s.now()))
	return n > 0, err
}

// RenameClass gives a user's own name another one; what is offered and held of it follows.
func (s *Service) RenameClass(ctx context.Context, name, to string) error {
	if s.classes[name] {
		return fault.Invalidf("Cannot update standard resource class %s.", name)
	}
	if !placement.IsCustomName(to) {
		return fault.Invalidf("The resource class name is invalid: it must start with CUSTOM_ and have only A-Z, 0-9 and _.")
	}
	err := s.d.Tx(ctx, func(tx *db.Tx) error {
		n, err := store.RenameClass.Do(ctx, tx, to, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.NotFoundf("No such resource class %s.", name)
		}
		on, err := store.ProvidersOfClass.All(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, e := range []*db.Exec{store.RenameInventories, store.RenameAllocations} {
			if _, err := e.Do(ctx, tx, to, name); err != nil {
				return err
			}
		}
		return touch(ctx, tx, on...)
	})
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Resource class already exists: %s.", to)
	}
	return err
}

// DropClass removes a user's own name that no provider offers.
func (s *Service) DropClass(ctx context.Context, name string) error {
	if s.classes[name] {
		return fault.Invalidf("Cannot delete standard resource class %s.", name)
	}
	return s.d.Tx(ctx, func(tx *db.Tx) error {
		used, err := store.ClassInUse.One(ctx, tx, name)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.Conflictf("Cannot delete resource class %s: it is in use in inventory.", name)
		}
		n, err := store.DropCustomClass.Do(ctx, tx, name)
		if err == nil && n == 0 {
			return fault.NotFoundf("No such resource class %s.", name)
		}
		return err
	})
}
