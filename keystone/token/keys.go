package token

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fernet/fernet-go"

	"hypernova/oslo/private"
)

// Keys are Fernet keys, newest first. They are in a folder that all processes share, one key a file named by a
// number, as keystone keeps them: the highest number signs, 0 is the one that signs next, all of them verify. Without
// a folder they are in the memory of the process.
type Keys struct {
	dir  string
	max  int
	mu   sync.Mutex
	keys []*fernet.Key
	read time.Time
}

// reread is the time after which a process reads the keys again, because another one may have rotated them.
const reread = 5 * time.Second

// OpenKeys opens the key repository dir and makes the first keys there if it is empty; an empty dir keeps one key in
// memory. max is the number of keys that Rotate keeps, at least 3.
func OpenKeys(dir string, max int) (*Keys, error) {
	k := &Keys{dir: dir, max: max}
	if dir == "" {
		key, err := newKey()
		k.keys = []*fernet.Key{key}
		return k, err
	}
	if err := private.Dir(dir); err != nil {
		return nil, fmt.Errorf("fernet key repository: %w", err)
	}
	if err := private.CloseAll(dir, func(string) bool { return true }); err != nil {
		return nil, fmt.Errorf("fernet key repository: %w", err)
	}
	names, err := k.names()
	if err != nil {
		return nil, err
	}
	for n := len(names); n < 2; n++ {
		if err := k.write(strconv.Itoa(n)); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return k, k.load()
}

// Keyless reports whether the key repository dir has no key yet, so that OpenKeys would make the first ones.
func Keyless(dir string) (bool, error) {
	ns, err := (&Keys{dir: dir}).names()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return dir != "" && len(ns) == 0, err
}

func newKey() (*fernet.Key, error) {
	key := new(fernet.Key)
	return key, key.Generate()
}

// write creates a key file atomically. It fails if the file exists.
func (k *Keys) write(name string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(k.dir, ".key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(key.Encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), filepath.Join(k.dir, name))
}

func (k *Keys) names() ([]int, error) {
	es, err := os.ReadDir(k.dir)
	var ns []int
	for _, e := range es {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			ns = append(ns, n)
		}
	}
	slices.Sort(ns)
	return ns, err
}

func (k *Keys) load() error {
	ns, err := k.names()
	if err != nil {
		return err
	}
	// Highest first, so that the signing key leads; 0 is last and signs only once it has been rotated to the top.
	slices.Reverse(ns)
	var keys []*fernet.Key
	for _, n := range ns {
		b, err := os.ReadFile(filepath.Join(k.dir, strconv.Itoa(n)))
		if err != nil {
			return err
		}
		key, err := fernet.DecodeKey(strings.TrimSpace(string(b)))
		if err != nil {
			return fmt.Errorf("fernet key %d in %s: %w", n, k.dir, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return fmt.Errorf("fernet key repository %s has no keys", k.dir)
	}
	k.keys, k.read = keys, time.Now()
	return nil
}

// all returns the keys, read again after reread. If the repository cannot be read, the known keys stay in use.
func (k *Keys) all() []*fernet.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir != "" && time.Since(k.read) > reread {
		if err := k.load(); err != nil {
			k.read = time.Now()
		}
	}
	return k.keys
}

// Rotate makes the next key the signing key and deletes the oldest over max. Tokens stay valid as long as their key is
// kept.
func (k *Keys) Rotate() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		key, err := newKey()
		if err == nil {
			k.keys = append([]*fernet.Key{key}, k.keys[:min(len(k.keys), k.max-1)]...)
		}
		return err
	}
	ns, err := k.names()
	if err != nil || len(ns) == 0 {
		return errors.Join(err, fmt.Errorf("rotate fernet keys in %s", k.dir))
	}
	next := strconv.Itoa(ns[len(ns)-1] + 1)
	if err := os.Rename(filepath.Join(k.dir, "0"), filepath.Join(k.dir, next)); err != nil {
		return err
	}
	if err := k.write("0"); err != nil {
		return err
	}
	for kept := append(ns[1:], ns[len(ns)-1]+1); len(kept)+1 > max(k.max, 3); kept = kept[1:] {
		if err := os.Remove(filepath.Join(k.dir, strconv.Itoa(kept[0]))); err != nil {
			return err
		}
	}
	return k.load()
}

// Seal encrypts a payload with the newest key.
func (k *Keys) Seal(payload []byte) (string, error) {
	b, err := fernet.EncryptAndSign(payload, k.all()[0])
	return strings.TrimRight(string(b), "="), err
}

// Open decrypts a text. fault.Unauthorized if none of the keys has encrypted it.
func (k *Keys) Open(token string) ([]byte, error) {
	if n := len(token) % 4; n != 0 {
		token += strings.Repeat("=", 4-n)
	}
	b := fernet.VerifyAndDecrypt([]byte(token), -1, k.all()) // expiry is in the claims
	if b == nil {
		return nil, malformed
	}
	return b, nil
}
