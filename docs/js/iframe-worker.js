// Search runs in a worker, and browsers start none for a page that is opened from a folder. There an invisible frame does
// the same: it loads the worker's script, and passes messages on. Loaded before the page's own scripts; does nothing over HTTP.
if (location.protocol === 'file:') {
  const told = (to, data) => setTimeout(() => to.dispatchEvent(new MessageEvent('message', { data })));
  const loaded = (frame, address) => new Promise((done) => {
    const script = frame.document.createElement('script');
    script.src = address;
    script.onload = done;
    frame.document.body.append(script);
  });

  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      this.element = document.createElement('iframe');
      this.element.hidden = true;
      document.body.append(this.element);
      this.frame = this.element.contentWindow;
      this.frame.postMessage = (data) => told(this, data);
      this.frame.importScripts = (...all) => all.reduce((before, one) => before.then(() => loaded(this.frame, one)), Promise.resolve());
      this.ready = loaded(this.frame, address);
    }

    postMessage(data) {
      this.ready.then(() => told(this.frame, data));
    }

    terminate() {
      this.element.remove();
    }
  };
}
