package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"
)

// LoadFile reads an operator's overrides, YAML or JSON: rule name to check string. A file that is not there is no overrides.
func LoadFile(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m map[string]string
	if err := yaml.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("policy file %s must map rule names to check strings: %w", path, err)
	}
	return m, nil
}
