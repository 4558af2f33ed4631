// Messages that the page shows in one line at its foot, without Python.
(() => {
  const INTERVAL = 2000;  // milliseconds between two requests for the state of the process
  const notice = document.getElementById("notice");
  const show = text => { notice.textContent = text; notice.hidden = !text; };

  // The style sheets follow the setting by themselves; some rules of Jupyter depend on this.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { document.body.dataset.jpThemeLight = !dark.matches; };
  dark.addEventListener("change", follow);
  follow();

  document.getElementById("loading_text").textContent = "The explorer is starting …";
  window.voila_process = () => {};  // otherwise it counts the cells of the notebook

  // The upload button reads a file with this function before sending it. With a file that is too
  // large, the server would close the connection.
  const read = FileReader.prototype.readAsArrayBuffer;
  FileReader.prototype.readAsArrayBuffer = function (file) {
    const megabytes = bytes => (bytes / 1e6).toFixed(1);
    if (file.size <= UPLOAD_LIMIT) { show(""); return read.call(this, file); }
    show(`The file ${file.name ?? ""} has ${megabytes(file.size)} MB, and the page accepts up to `
      + `${megabytes(UPLOAD_LIMIT)} MB. Upload a smaller part, or use the Python package.`);
  };

  const failed = "The explorer could not start. Load the page again.";
  const ended = "The process behind this page has ended. Load the page again to start a new one.";
  const away = "There is no answer from 'sensitivity app'. Is it still running?";
  const stop = text => {
    show(text);
    clearInterval(clock);
    const cells = document.getElementById("rendered_cells");
    if (cells) cells.inert = true;  // its controls would do nothing
  };
  const watch = async () => {
    // This element is sent when the process has started.
    const config = document.getElementById("jupyter-config-data");
    if (!config) {
      if (document.readyState === "complete") stop(failed);
      return;
    }
    const { kernelId, baseUrl } = JSON.parse(config.textContent);
    const answer = await fetch(`${baseUrl}api/kernels/${kernelId}`).catch(() => null);
    if (answer?.ok && notice.textContent === away) show("");
    if (answer === null) show(away);
    if (answer?.status === 404) stop(ended);
  };
  const clock = setInterval(watch, INTERVAL);
})();
