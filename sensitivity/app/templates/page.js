// What the page says by itself, in one line at its foot; Python knows nothing of it.
(() => {
  const LOOK = 5000;  // milliseconds between two looks whether the process is still there
  const notice = document.getElementById("notice");
  const say = text => { notice.textContent = text; notice.hidden = !text; };

  document.getElementById("loading_text").textContent = "The explorer is starting …";
  window.voila_process = () => {};  // it would count the cells of the notebook

  // The upload button reads a file with this before it sends it. A file that is too large for the
  // server would cost the connection.
  const read = FileReader.prototype.readAsArrayBuffer;
  FileReader.prototype.readAsArrayBuffer = function (file) {
    const megabytes = bytes => (bytes / 1e6).toFixed(1);
    if (file.size <= UPLOAD_LIMIT) { say(""); return read.call(this, file); }
    say(`The file ${file.name ?? ""} has ${megabytes(file.size)} MB, and the page takes up to `
      + `${megabytes(UPLOAD_LIMIT)} MB: cut out the part that matters, or use the Python package.`);
  };

  const lost = "The process behind this page has ended. Load the page again to start anew.";
  const away = "There is no answer from 'sensitivity app'. Is it still running?";
  const watch = async () => {
    const { kernelId, baseUrl } = JSON.parse(
      document.getElementById("jupyter-config-data").textContent);
    const answer = await fetch(`${baseUrl}api/kernels/${kernelId}`).catch(() => null);
    if (answer?.ok && notice.textContent === away) say("");
    if (answer === null) say(away);
    if (answer?.status === 404) { say(lost); clearInterval(clock); }
  };
  const clock = setInterval(watch, LOOK);
})();
