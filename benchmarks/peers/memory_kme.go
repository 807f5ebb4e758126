// A peer for the benchmark of supply: enc_keys and dec_keys of ETSI GS QKD 014 over mutual TLS on one core, with keys
// in memory only: no store, no second site. Arguments: port, certificate, private key, authority.
package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

type key struct {
	ID  string `json:"key_ID"`
	Key string `json:"key"`
}

type container struct {
	Keys []key `json:"keys"`
}

type wanted struct {
	IDs []struct {
		ID string `json:"key_ID"`
	} `json:"key_IDs"`
}

var (
	lock sync.Mutex
	held = map[string]string{}
)

func encKeys(request *http.Request) container {
	number, _ := strconv.Atoi(request.URL.Query().Get("number"))
	if number == 0 {
		number = 1
	}
	random := make([]byte, 48*number)
	if _, err := rand.Read(random); err != nil {
		log.Fatal(err)
	}
	found := container{Keys: make([]key, number)}
	lock.Lock()
	defer lock.Unlock()
	for at := range found.Keys {
		id, value := random[48*at:48*at+16], random[48*at+16:48*at+48]
		name := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
		found.Keys[at] = key{ID: name, Key: base64.StdEncoding.EncodeToString(value)}
		held[name] = found.Keys[at].Key
	}
	return found
}

func decKeys(request *http.Request) (container, error) {
	var asked wanted
	if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
		return container{}, err
	}
	found := container{Keys: make([]key, 0, len(asked.IDs))}
	lock.Lock()
	defer lock.Unlock()
	for _, one := range asked.IDs {
		value, there := held[one.ID]
		if !there {
			return container{}, fmt.Errorf("one or more keys specified are not found on KME")
		}
		found.Keys = append(found.Keys, key{ID: one.ID, Key: value})
		delete(held, one.ID)
	}
	return found, nil
}

func answer(writer http.ResponseWriter, request *http.Request) {
	var found container
	var err error
	if strings.HasSuffix(request.URL.Path, "/dec_keys") {
		found, err = decKeys(request)
	} else {
		found = encKeys(request)
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Cache-Control", "no-store")
	if err != nil {
		writer.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(writer).Encode(map[string]string{"message": err.Error()})
		return
	}
	body, _ := json.Marshal(found)
	writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = writer.Write(body)
}

func main() {
	runtime.GOMAXPROCS(1)
	authorities := x509.NewCertPool()
	pem, err := os.ReadFile(os.Args[4])
	if err != nil || !authorities.AppendCertsFromPEM(pem) {
		log.Fatal("no authority in ", os.Args[4])
	}
	server := http.Server{
		Addr:    "127.0.0.1:" + os.Args[1],
		Handler: http.HandlerFunc(answer),
		TLSConfig: &tls.Config{
			ClientCAs: authorities, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"http/1.1"},
		},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	log.Fatal(server.ListenAndServeTLS(os.Args[2], os.Args[3]))
}
