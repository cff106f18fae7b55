package db_test

import (
	"strings"
	"testing"

	"hypernova/oslo/db"
)

func TestFieldsCopyWhatIsCommon(t *testing.T) {
	t.Parallel()
	type row struct {
		ID   string
		Size int64
		At   db.Time
	}
	type value struct {
		Size  int64
		ID    string
		Total string
	}
	f := db.NewFields[row, value]("At", "Total")
	v := value{Total: "kept"}
	f.Read(&row{ID: "a", Size: 3}, &v)
	if v != (value{3, "a", "kept"}) {
		t.Errorf("got %+v", v)
	}
	var r row
	f.Write(&value{Size: 4, ID: "b"}, &r)
	if r != (row{ID: "b", Size: 4}) {
		t.Errorf("got %+v", r)
	}
}

func TestFieldsWithoutCounterpartAreRefused(t *testing.T) {
	t.Parallel()
	type row struct {
		ID   string
		Size int64
	}
	refused := func(name, want string, make func()) {
		defer func() {
			if text, _ := recover().(string); !strings.Contains(text, want) {
				t.Errorf("%s: got %q, want %q", name, text, want)
			}
		}()
		make()
	}
	refused("of the row", "row.Size has no counterpart", func() { db.NewFields[row, struct{ ID string }]() })
	refused("of another type", "row.Size has no counterpart", func() {
		db.NewFields[row, struct {
			ID   string
			Size int
		}]()
	})
	refused("of the value", ".Total has no counterpart", func() {
		db.NewFields[row, struct {
			ID    string
			Size  int64
			Total string
		}]()
	})
}
