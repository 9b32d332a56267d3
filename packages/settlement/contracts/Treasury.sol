// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title Where slashed stakes go
/// @notice Anybody may pay in; the owner, meant to be a multisignature or a vote, pays out.
contract Treasury is Ownable2Step {
    event Received(address indexed from, uint256 amount);
    event Paid(address indexed to, uint256 amount, bytes32 purpose);

    error NoOwner();

    constructor(address owner_) Ownable(owner_) {}

    receive() external payable {
        emit Received(msg.sender, msg.value);
    }

    /// @dev Without an owner everything would stay here for ever.
    function renounceOwnership() public pure override {
        revert NoOwner();
    }

    /// @param purpose hash of a document that says what it is for
    function pay(address payable to, uint256 amount, bytes32 purpose) external onlyOwner {
        emit Paid(to, amount, purpose);
        Address.sendValue(to, amount);
    }
}
