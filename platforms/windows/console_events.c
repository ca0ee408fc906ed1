/* Starts a Windows program, presses Ctrl-C in its console while it works, and ends with its exit code.
   usage: console_events MILLISECONDS PROGRAM-AND-ARGUMENTS-AS-ONE-ARGUMENT */
#include <stdio.h>
#include <windows.h>

int wmain(int count, wchar_t** arguments) {
  STARTUPINFOW start = {0};
  PROCESS_INFORMATION child;
  DWORD code = 0;
  start.cb = sizeof start;
  if (count != 3) return 100;
  if (!CreateProcessW(NULL, arguments[2], NULL, NULL, TRUE, 0, NULL, NULL, &start, &child)) {
    fprintf(stderr, "console_events: the program does not start: Windows error %lu\n", GetLastError());
    return 101;
  }
  Sleep((DWORD)_wtoi(arguments[1]));
  SetConsoleCtrlHandler(NULL, TRUE); /* all programs of a console get Ctrl-C, this one too */
  if (!GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0)) {
    fprintf(stderr, "console_events: no Ctrl-C: Windows error %lu\n", GetLastError());
    TerminateProcess(child.hProcess, 102);
  }
  if (WaitForSingleObject(child.hProcess, 30000) != WAIT_OBJECT_0) TerminateProcess(child.hProcess, 103);
  WaitForSingleObject(child.hProcess, INFINITE);
  GetExitCodeProcess(child.hProcess, &code);
  return (int)code;
}
