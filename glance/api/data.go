package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"hypernova/glance"
	"hypernova/glance/api/policies"
	"hypernova/glance/images"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
)

// dataAPI uploads, stages and downloads image data.
type dataAPI struct {
	imageLoader
}

var dataOps = api.Resource[*dataAPI]{Name: "image", Plural: "images", Ops: api.Ops[*dataAPI]{
	api.Raw("PUT /images/{image_id}/file", policies.UploadImage, (*dataAPI).load, (*dataAPI).upload,
		api.Media("application/octet-stream")),
	api.Raw("PUT /images/{image_id}/stage", policies.ModifyImage, (*dataAPI).load, (*dataAPI).stage,
		api.Media("application/octet-stream")),
	api.Raw("GET /images/{image_id}/file", policies.DownloadImage, (*dataAPI).load, (*dataAPI).download),
}}

// drained is how many bytes of a rejected upload are read, so that the client sees the response instead of a broken
// connection.
const drained = 64 << 20

func (a *dataAPI) upload(ctx context.Context, r *api.Request, i images.Image, w http.ResponseWriter) error {
	size, err := announced(r.HTTP)
	if err != nil {
		return err
	}
	return taken(w, r.HTTP, a.Images.Data.Upload(ctx, i.ID, r.HTTP.Body, size, r.HTTP.Header.Get("X-Image-Meta-Store")))
}

func (a *dataAPI) stage(ctx context.Context, r *api.Request, i images.Image, w http.ResponseWriter) error {
	size, err := announced(r.HTTP)
	if err != nil {
		return err
	}
	return taken(w, r.HTTP, a.Images.Data.Stage(ctx, i.ID, r.HTTP.Body, size))
}

// announced returns the size that the client announces; -1 if it does not.
func announced(h *http.Request) (int64, error) {
	if s := h.Header.Get("X-Openstack-Image-Size"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return 0, fault.Invalidf("Invalid or missing image size in request headers.")
		}
		return n, nil
	}
	return h.ContentLength, nil
}

// taken writes the response of an upload.
func taken(w http.ResponseWriter, h *http.Request, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	_, _ = io.CopyN(io.Discard, h.Body, drained) // an error here is the client's loss
	if errors.Is(err, images.ErrContent) {
		return api.WithStatus(http.StatusUnsupportedMediaType, err)
	}
	return err
}

func (a *dataAPI) download(ctx context.Context, r *api.Request, i images.Image, w http.ResponseWriter) error {
	if i.Status != glance.Active && i.Status != glance.Deactivated {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	offset, length, partial, err := byteRange(r.HTTP, i.Size)
	if err != nil {
		return err
	}
	var prefer []string
	if list := r.HTTP.URL.Query().Get("prefer"); list != "" {
		if err := r.Require(policies.DownloadFromStore, i.PolicyTarget()); err != nil {
			return err
		}
		prefer = strings.Split(list, ",")
	}
	data, err := a.Images.Data.Read(ctx, i.ID, offset, length, prefer...)
	if err != nil {
		return err
	}
	defer data.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Accept-Ranges", "bytes")
	if i.Checksum != "" {
		h.Set("Content-MD5", i.Checksum)
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if partial {
		h.Set("Content-Range", "bytes "+strconv.FormatInt(offset, 10)+"-"+strconv.FormatInt(offset+length-1,
			10)+"/"+strconv.FormatInt(i.Size, 10))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.WriteHeader(http.StatusOK)
	}
	if checked, ok := data.(io.WriterTo); ok { // it gives nothing that was not checked
		if _, err := checked.WriteTo(w); err != nil {
			panic(http.ErrAbortHandler) // the answer has begun: cutting it off is all that is left to say
		}
		return nil
	}
	// The last piece is held back until the checksum is verified, so that damaged data is a broken transfer and not a
	// complete one.
	if err := send(w, data); err != nil {
		panic(http.ErrAbortHandler) // the answer has begun: cutting it off is all that is left to say
	}
	return nil
}

// send copies data one piece behind the reader.
func send(w io.Writer, r io.Reader) error {
	const piece = 1 << 20
	bufs := [2][]byte{make([]byte, piece), make([]byte, piece)}
	held := []byte(nil)
	for n := 0; ; n++ {
		b := bufs[n%2]
		got, err := io.ReadFull(r, b)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return err
		}
		if _, err := w.Write(held); err != nil {
			return err
		}
		held = b[:got]
		if end {
			_, err := w.Write(held)
			return err
		}
	}
}

// byteRange parses a Range header with one range. An unsatisfiable one is 416.
func byteRange(h *http.Request, size int64) (offset, length int64, partial bool, err error) {
	spec := h.Header.Get("Range")
	if spec == "" {
		if spec = h.Header.Get("Content-Range"); spec != "" {
			return contentRange(spec, size)
		}
		return 0, size, false, nil
	}
	if strings.Contains(spec, ",") {
		return 0, 0, false, fault.Invalidf(
			"Requests with multiple ranges are not supported; make several requests with one range each.")
	}
	bad := api.WithStatus(http.StatusRequestedRangeNotSatisfiable, fault.Invalidf("The range %q cannot be satisfied.",
		spec))
	list, ok := strings.CutPrefix(spec, "bytes=")
	from, to, dashed := strings.Cut(strings.TrimSpace(list), "-")
	if !ok || !dashed {
		return 0, 0, false, bad
	}
	if from == "" { // the last n bytes
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil || n == 0 || size == 0 {
			return 0, 0, false, bad
		}
		length = min(int64(n), size)
		return size - length, length, true, nil
	}
	start, err := strconv.ParseUint(from, 10, 63)
	if err != nil || int64(start) >= size {
		return 0, 0, false, bad
	}
	last := size - 1
	if to != "" {
		end, err := strconv.ParseUint(to, 10, 63)
		if err != nil || end < start {
			return 0, 0, false, bad
		}
		last = min(last, int64(end))
	}
	return int64(start), last - int64(start) + 1, true, nil
}

// contentRange parses the header that clients of older glance releases send instead of Range: "bytes 0-3/10", or * for
// the total size.
func contentRange(spec string, size int64) (offset, length int64, partial bool, err error) {
	bad := api.WithStatus(http.StatusRequestedRangeNotSatisfiable, fault.Invalidf("The range %q cannot be satisfied.",
		spec))
	list, ok := strings.CutPrefix(spec, "bytes ")
	span, _, sized := strings.Cut(list, "/")
	from, to, dashed := strings.Cut(span, "-")
	start, err1 := strconv.ParseUint(from, 10, 63)
	end, err2 := strconv.ParseUint(to, 10, 63)
	if !ok || !sized || !dashed || errors.Join(err1, err2) != nil || end < start || int64(end) >= size {
		return 0, 0, false, bad
	}
	return int64(start), int64(end) - int64(start) + 1, true, nil
}
