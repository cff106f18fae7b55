package servers

import (
	"bytes"
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
)

// consoleBytes is as much of a console's log as anybody gets.
const consoleBytes = 100 << 10

// ConsoleLog is the end of the server's console output: the last so many lines, or all that is kept for a negative number.
func (s *Servers) ConsoleLog(ctx context.Context, v *nova.Server, lines int) ([]byte, error) {
	if err := placed(v); err != nil {
		return nil, err
	}
	r, err := rpcapi.ConsoleLog.Do(ctx, s.Bus, v.Host, rpcapi.ConsoleLogArgs{Server: v.ID, Max: consoleBytes})
	if err != nil {
		return nil, err
	}
	return lastLines(r.Data, lines), nil
}

// lastLines are the last n of what newlines separate, as nova counts: what follows the last newline is one of them, also where it is empty.
func lastLines(b []byte, n int) []byte {
	if n < 0 {
		return b
	}
	if n == 0 {
		return nil
	}
	at := len(b)
	for range n {
		if at = bytes.LastIndexByte(b[:at], '\n'); at < 0 {
			return b
		}
	}
	return b[at+1:]
}
