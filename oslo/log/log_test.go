package log_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

func TestLinesCarryTheRequestID(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l, level, err := log.New(&out, log.Config{Format: "json", Level: "warn"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := log.With(auth.WithRequest(t.Context(), "req-1"), l)
	log.From(ctx).InfoContext(ctx, "too fine")
	if out.Len() != 0 {
		t.Errorf("below the level: %s", &out)
	}
	level.Set(slog.LevelInfo)
	log.From(ctx).With(log.Host, "h1").InfoContext(ctx, "server built")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["request"] != "req-1" || line["host"] != "h1" || line["msg"] != "server built" {
		t.Errorf("got %v", line)
	}
}

func TestUnknownSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []log.Config{{Format: "xml"}, {Level: "loud"}} {
		if _, _, err := log.New(&bytes.Buffer{}, c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}
