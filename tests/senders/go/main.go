// Sends CloudEvents with the SDK for Go: `sender MODE URL`, with a JSON array of them on stdin.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	cloudevents "github.com/cloudevents/sdk-go/v2"
)

func main() {
	mode, url := os.Args[1], os.Args[2]
	var events []cloudevents.Event
	if err := json.NewDecoder(os.Stdin).Decode(&events); err != nil {
		log.Fatal(err)
	}
	if err := send(context.Background(), mode, url, events); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, mode, url string, events []cloudevents.Event) error {
	switch mode {
	case "batch":
		return sendTogether(ctx, url, events)
	case "binary":
		ctx = cloudevents.WithEncodingBinary(ctx)
	case "structured":
		ctx = cloudevents.WithEncodingStructured(ctx)
	default:
		return fmt.Errorf("no such mode: %s", mode)
	}
	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(url))
	if err != nil {
		return err
	}
	for _, event := range events {
		if result := client.Send(ctx, event); !cloudevents.IsACK(result) {
			return result
		}
	}
	return nil
}

func sendTogether(ctx context.Context, url string, events []cloudevents.Event) error {
	request, err := cloudevents.NewHTTPRequestFromEvents(ctx, url, events)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("answered with %s", answer.Status)
	}
	return nil
}
