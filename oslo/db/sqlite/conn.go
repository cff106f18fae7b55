package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"hypernova/oslo/db"
)

// conn is one connection with its prepared statements. It has one user at a time, so SQLite's own mutex is off.
type conn struct {
	c     *sqlite.Conn
	stmts map[string]*stmt
	stop  chan struct{} // closed to interrupt the running statement; nil: never armed
	wrong error         // what the function regexp could not do in the running statement
}

// stmt is a prepared statement.
type stmt struct {
	s         *sqlite.Stmt
	names     []string
	bound     []any // what is bound, per placeholder
	busy      bool  // rows are being read from it
	transient bool  // not kept
}

// stmtsKept bounds the prepared statements of a connection: lists with filters have many texts.
const stmtsKept = 300

// settings are the pragmas of a connection. sync is the level of synchronisation.
func settings(sync string, write bool) []string {
	common := []string{"foreign_keys = 1", "synchronous = " + sync, "temp_store = MEMORY"}
	if write {
		return append(common, "journal_mode = WAL")
	}
	return append(common, "query_only = 1")
}

// A statement waits so long for another process. A transaction waits for less and is tried again, because the end of
// its context cannot interrupt the wait.
const (
	busyTime      = 15 * time.Second
	busyBeginTime = time.Second
)

// connect opens a file, which is created if it is missing.
func (d *dialect) connect(ctx context.Context, path, sync string, write bool) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	z, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	c := &conn{c: z, stmts: map[string]*stmt{}}
	z.SetBusyTimeout(busyTime)
	err = z.CreateFunction("regexp", &sqlite.FunctionImpl{NArgs: 2, Scalar: c.regexp(d), Deterministic: true})
	for _, s := range settings(sync, write) {
		if err == nil {
			_, err = c.once(ctx, "PRAGMA "+s)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// regexp is the function behind "text REGEXP pattern". The library passes no errors of functions on, so step does.
func (c *conn) regexp(d *dialect) func(sqlite.Context, []sqlite.Value) (sqlite.Value, error) {
	return func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
		if c.wrong != nil || args[0].Type() != sqlite.TypeText || args[1].Type() != sqlite.TypeText {
			return sqlite.Value{}, nil
		}
		found, err := d.find(args[0].Text(), args[1].Text())
		switch {
		case err != nil:
			c.wrong = err
			return sqlite.Value{}, nil
		case found:
			return sqlite.IntegerValue(1), nil
		}
		return sqlite.IntegerValue(0), nil
	}
}

// step goes to the statement's next row, and reports whether there is one.
func (c *conn) step(ctx context.Context, s *stmt) (bool, error) {
	row, err := s.s.Step()
	if err != nil {
		for i := range s.bound {
			s.bound[i] = large{} // a binding may have failed
		}
	}
	if c.wrong != nil {
		row, err, c.wrong = false, errors.Join(c.wrong, err), nil
	}
	return row, because(ctx, err)
}

// close closes the connection. Nobody may use it meanwhile or later.
func (c *conn) close() error {
	c.stmts = nil
	return c.c.Close()
}

func (c *conn) prepare(text string) (*stmt, error) {
	s := c.stmts[text]
	if s != nil && !s.busy {
		return s, nil
	}
	if s != nil {
		return c.transient(text)
	}
	if len(c.stmts) >= stmtsKept {
		for k, s := range c.stmts { // any one: what is used often comes back
			if s.busy {
				continue
			}
			delete(c.stmts, k)
			_ = s.s.Finalize() // repeats the error of its last use
			break
		}
	}
	z, err := c.c.Prepare(text)
	if err != nil {
		return nil, err
	}
	s = newStmt(z)
	c.stmts[text] = s
	return s, nil
}

// transient prepares a statement for one use.
func (c *conn) transient(text string) (*stmt, error) {
	z, more, err := c.c.PrepareTransient(text)
	if err != nil {
		return nil, err
	}
	s := newStmt(z)
	s.transient = true
	if more > 0 {
		return nil, errors.Join(errors.New("sqlite: more than one statement"), z.Finalize())
	}
	return s, nil
}

func newStmt(z *sqlite.Stmt) *stmt {
	s := &stmt{s: z, names: make([]string, z.ColumnCount())}
	for i := range s.names {
		s.names[i] = z.ColumnName(i)
	}
	return s
}

// done makes a statement ready for its next use, or ends a transient one. It returns no error: that of a reset is the
// error of the last step, which its caller has.
func (s *stmt) done() {
	s.busy = false
	if s.transient {
		_ = s.s.Finalize()
		return
	}
	_ = s.s.Reset()
	for i, a := range s.bound {
		if _, ok := a.(large); ok {
			s.s.BindNull(i + 1)
			s.bound[i] = nil
		}
	}
}

// large stands for a bound value that is not kept for longer than it is used.
type large struct{}

// keptText bounds the texts that stay bound.
const keptText = 256

// bind sets the arguments of a statement, which are of the types that oslo/db passes. Arguments that are bound already
// are left: SQLite prepares a statement again after a new binding of a value that decided on its plan, for example
// whether a partial index serves it.
func (s *stmt) bind(args []any) error {
	if n := s.s.BindParamCount(); n != len(args) {
		return fmt.Errorf("sqlite: %d arguments for %d placeholders", len(args), n)
	}
	if s.bound == nil {
		s.bound = make([]any, len(args)) // NULL is what is bound at first
	}
	for i, a := range args {
		if s.bound[i] == a {
			continue
		}
		s.bound[i] = a
		switch v := a.(type) {
		case nil:
			s.s.BindNull(i + 1)
		case string:
			s.s.BindText(i+1, v)
			if len(v) > keptText {
				s.bound[i] = large{}
			}
		case int64:
			s.s.BindInt64(i+1, v)
		case bool:
			s.s.BindBool(i+1, v)
		case float64:
			s.s.BindFloat(i+1, v)
		case []byte:
			s.s.BindBytes(i+1, v)
			s.bound[i] = large{}
		default:
			s.bound[i] = large{}
			return fmt.Errorf("sqlite: an argument of type %T", a)
		}
	}
	return nil
}

// Query runs a statement that answers rows. The end of the context interrupts it.
func (c *conn) Query(ctx context.Context, text string, args []any) (db.Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	if err := s.bind(args); err != nil {
		s.done()
		return nil, err
	}
	s.busy = true
	r := &rows{c: c, s: s, ctx: ctx, unwatch: c.watch(ctx)}
	return r, nil
}

// Exec runs a statement that answers none, and returns how many rows it changed.
func (c *conn) Exec(ctx context.Context, text string, args []any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	return c.exec(ctx, s, args)
}

// once is Exec of a statement that is not kept.
func (c *conn) once(ctx context.Context, text string) (int64, error) {
	s, err := c.transient(text)
	if err != nil {
		return 0, err
	}
	return c.exec(ctx, s, nil)
}

func (c *conn) exec(ctx context.Context, s *stmt, args []any) (int64, error) {
	defer s.done()
	if err := s.bind(args); err != nil {
		return 0, err
	}
	s.busy = true
	defer c.watch(ctx)()
	for {
		row, err := c.step(ctx, s)
		if err != nil {
			return 0, err
		}
		if !row {
			return int64(c.c.Changes()), nil
		}
	}
}

// because returns the context's error for a statement that its end interrupted.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt {
		return ctx.Err()
	}
	return err
}

// watch interrupts statements when the context ends, until the returned function is called. The library has one
// goroutine for each connection that waits for c.stop to close, and a closed one is replaced.
func (c *conn) watch(ctx context.Context) (unwatch func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	if c.stop == nil {
		c.arm()
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		close(c.stop)
		close(ended)
	})
	return func() {
		if !stop() {
			<-ended
			c.arm()
		}
	}
}

func (c *conn) arm() {
	c.stop = make(chan struct{})
	c.c.SetInterrupt(c.stop)
}

func (c *conn) do(ctx context.Context, text string) error {
	_, err := c.Exec(ctx, text, nil)
	return err
}

// touch reads the file once.
func (c *conn) touch(ctx context.Context) error {
	return c.do(ctx, "SELECT COUNT(*) FROM sqlite_master")
}

// Check prepares a statement and forgets it.
func (c *conn) Check(_ context.Context, text string) error {
	s, err := c.transient(text)
	if err != nil {
		return err
	}
	return s.s.Finalize()
}
