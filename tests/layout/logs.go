package layout

import (
	"os"
	"path/filepath"
	"strings"
)

// Logs are all that the cloud's processes have printed so far, by process.
func (c *Cloud) Logs() (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(c.logs, "*.log"))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		out[strings.TrimSuffix(filepath.Base(f), ".log")] = string(text)
	}
	return out, nil
}
